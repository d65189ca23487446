"""Turn a notebook cell into a durable background job."""
