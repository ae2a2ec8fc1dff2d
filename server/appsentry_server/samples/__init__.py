"""The sample applications of the demo: real servers on loopback, in a process of their own."""

from appsentry_server.samples.configuration import configuration
from appsentry_server.samples.process import Addresses, SampleError, SampleProcess, start

__all__ = ["Addresses", "SampleError", "SampleProcess", "configuration", "start"]
