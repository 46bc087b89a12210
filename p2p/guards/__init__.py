"""Guards against the known faults of py-libp2p 0.8.1: a remote peer must not be able to harm this node."""
