"""Turns what a job needs into content: a directory, a cell, its variables.

This layer reads files and pickles values. It sends nothing and knows no service: the upload is
the client's.
"""
