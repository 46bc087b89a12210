"""What clients connect to: HTTP, WebSocket and the unix socket, with every bound on what a connection may do.

Knows nothing of methods: it hands bytes to rpc/dispatch and gets bytes.
"""
