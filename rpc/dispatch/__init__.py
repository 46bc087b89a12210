"""From the bytes of a request to the call of a method and back: the envelope, deferred answers, worker threads.

Knows neither sockets nor what a method does.
"""
