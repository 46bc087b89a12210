"""Guards against the faults of py-libp2p 0.8.1: a remote peer must not crash, fill, stall or lock out this node.

Owns: every replacement of library behaviour on the path of foreign bytes. They are subclasses, not patches of the
library, so that nothing else in the process changes; `p2p.libp2p_import` refuses any other version.
Never: holds protocols of our own.

Fault of the library (where) -> effect; guard; upstream. "(test)" marks what tests/p2p show on the unguarded library.

Crashes. A task of a service that raises ends the service, the host and trio.run (anyio_service TrioManager).
 1 exception in a stream handler -> host dies (test); `GuardedConnection`; libp2p/py-libp2p#417 (open) is of the
   kind, #586 and #1120 were single cases of it
 2 DecodeError of a pubsub RPC is not caught -> any peer ends the host with 50 bytes (test); `GuardedPubsub`
 3 message with a non-inlined author and a junk key re-raises from signature_validator -> host dies (test);
   `GuardedPubsub` takes inlined ed25519 authors only
 4 topic validator raises -> host dies (test); `GuardedPubsub`; #1118 (open)
 5 negotiation line that is not UTF-8 raises UnicodeDecodeError -> host dies (test); `p2p.multistream`
 6 daemon task (heartbeat, peer queue) raises -> host dies; `GuardedManager` restarts it
 7 the 1001st running child task raises LifecycleError -> host dies; `GuardedManager`

Memory.
 8 yamux receive window is not enforced, only a warning (test); `p2p.yamux` ends the connection; #1269, #1270 and
   #1271 repaired other faults of the window
 9 no limit on inbound streams of a connection; `p2p.yamux`
10 multistream line of any announced length, before authentication; `p2p.multistream`
11 one task per message of an RPC, 100,000 fit into one RPC; `GuardedPubsub` handles them in turn
12 IWANT: every id, repeated as often as the peer likes, is copied into one answer; `GuardedGossipSub`
13 PRUNE and GRAFT of unknown topics and PRUNE back-offs are remembered for ever; `GuardedGossipSub`
14 up to 1000 whole messages are kept to detect equivocation, 100 per peer that does not subscribe, and one
   timestamp per message for ever (recent_message_deliveries); `GuardedGossipSub` overrides publish
15 queue of 32 RPCs counts no bytes; `FrameQueue`. Subscription channel of 32 drops what arrives: not used
16 peer store takes any number of addresses from identify, identify-push and signed records; `GuardedHost`,
   `GuardedPubsub` read none

Lock-out and stalls.
17 the handler of an accepted connection waits for the end of the swarm and holds its inbound slot -> after
   max_connections accepted ones the node accepts nobody (test); `GuardedSwarm.serve`
18 handshakes may take 10 s and use up all slots; `GuardedSwarm` bounds them in total and per address
19 the listener sets SO_REUSEPORT -> a second node on a port in use starts (test); sockets are bound by
   `p2p.libp2p_network`; as ethersphere/bee#868 did
20 a peer that stopped (SIGSTOP) is never disconnected, the ping time-out of yamux is ignored; `p2p.yamux`
21 a writer without window polls every 10 ms, gives up after 5 s and resets the stream; `p2p.yamux`
22 two writers of one stream interleave parts of large messages (send_recent_messages beside the queue);
   `p2p.yamux` locks, `GuardedGossipSub` queues
23 a cancelled writer may leave half a noise message; `p2p.yamux` has one writing task
24 peer exchange in PRUNE makes this node dial whom the peer names; `GuardedGossipSub`
25 a peer whose pubsub stream breaks on one of two connections loses its subscriptions here and never repeats
   them; `GuardedPubsub._handle_dead_peer`
26 all addresses of a peer failed once -> not dialled for 60 s, and only the first address is ever tried;
   `p2p.connections` dials by itself
27 250 ms "happy eyeballs" pause after every successful dial, 100 ms sleep in every close; not used
28 the default offers TLS, secio and plaintext beside noise; `GuardedUpgrader` offers noise alone
29 read_exactly gives up after 100 partial reads; `BufferedTcpStream` reads all
30 default message id is author and sequence number, and the message cache ignores any other; `BoundedMessageCache`

Cost (CPU, measured on loopback): window update per read, three stream reads per varint, signed peer record made and
verified per RPC, every RPC serialised once per receiver, debug f-strings per frame.
"""
