"""The errors of every layer.

    JobsError
    ├── JobNotFoundError           (also LookupError, RuntimeError)
    ├── JobQueueNotFoundError      (also LookupError, RuntimeError)
    ├── ComputeConfigNotFoundError (also LookupError, RuntimeError, ValueError)
    ├── ConnectionNotFoundError    (also LookupError, RuntimeError)
    ├── SecretNotFoundError        (also LookupError, RuntimeError)
    ├── LoginError                 (also RuntimeError)   a connection that does not log in, and why
    ├── VaultError                 (also RuntimeError)   secrets that can't be read or kept, and why
    ├── JobStateError              (also RuntimeError)
    ├── UnsupportedError           (also ValueError)   a field that this service cannot honour
    ├── PackageError               (also ValueError)   a directory or variable that cannot be packaged
    │   └── MissingFileError       (also FileNotFoundError)  a file that a config names and that is not there
    │       └── MissingDirectoryError  (also RuntimeError)   a directory that a config names, and is not there
    ├── InvalidRequestError        (also ValueError)   an argument that the service refuses
    ├── SettingsError              (also ValueError)   a setting of the service that can't be used
    ├── BackupError                (also ValueError)   a backup that can't be made, or can't be restored
    ├── AuthenticationError        (also PermissionError)
    ├── ServiceError               (also RuntimeError) the service failed in a way it did not foresee
    └── ServiceUnavailableError    (also ConnectionError)
        ├── ServiceStartError    the service could not be started, and why
        └── ServiceHangsError    it runs, and does not answer

What else an error is, is what programs for the hosted Job SDK catch in its place.

A message gives the value, the cause and the next step.
"""

from __future__ import annotations


class JobsError(Exception):
    """Base of all errors that this package raises on purpose."""


class JobNotFoundError(JobsError, LookupError, RuntimeError):
    """No job has that id, or that name in that project."""


class JobQueueNotFoundError(JobsError, LookupError, RuntimeError):
    """No job queue has that id, or that name in that project."""


class ComputeConfigNotFoundError(JobsError, LookupError, RuntimeError, ValueError):
    """No compute config has that name, or that version."""


class ConnectionNotFoundError(JobsError, LookupError, RuntimeError):
    """No connection has that name, or not of that type."""


class SecretNotFoundError(JobsError, LookupError, RuntimeError):
    """No secret has that name."""


class LoginError(JobsError, RuntimeError):
    """The credentials of a connection are refused, or its host can't be reached."""


class VaultError(JobsError, RuntimeError):
    """The file of secrets or its key can't be used."""


class JobStateError(JobsError, RuntimeError):
    """The job's state does not allow what was asked."""


class UnsupportedError(JobsError, ValueError):
    """A valid field that this service cannot honour; refused rather than ignored."""


class PackageError(JobsError, ValueError):
    """A directory, a file or a variable that cannot be packaged."""


class MissingFileError(PackageError, FileNotFoundError):
    """A file that a config names, and that is not there."""


class MissingDirectoryError(MissingFileError, RuntimeError):
    """A directory that a config names, and that is not there or is none."""


class InvalidRequestError(JobsError, ValueError):
    """An argument that the service refuses."""


class SettingsError(JobsError, ValueError):
    """A setting of the service that can't be used."""


class BackupError(JobsError, ValueError):
    """A backup that can't be made, or that can't be restored."""


class AuthenticationError(JobsError, PermissionError):
    """The service does not accept the token."""


class ServiceError(JobsError, RuntimeError):
    """The service failed in a way that it did not foresee."""


class ServiceUnavailableError(JobsError, ConnectionError):
    """The service cannot be reached."""


class ServiceStartError(ServiceUnavailableError):
    """The service could not be started."""


class ServiceHangsError(ServiceUnavailableError):
    """The service runs, and does not answer."""


def error_class(name: str) -> type[JobsError]:
    """Return the class of that name, or `ServiceError` when a newer service sends an unknown one."""
    found = globals().get(name)
    if isinstance(found, type) and issubclass(found, JobsError):
        return found
    return ServiceError
