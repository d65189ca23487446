"""Objects of remote stores. Whatever talks to one does so in a process of its own, `__main__.py`.

The libraries read credentials from the environment of their process, and the job's is meant, not the
service's; they may hang, and are large: none of that is the service's then.
"""
