// A js-libp2p peer: dials the address in its first argument, uses every protocol of the node, prints what it saw.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@chainsafe/libp2p-noise')
const { yamux } = await import('@chainsafe/libp2p-yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { gossipsub } = await import('@chainsafe/libp2p-gossipsub')
const { multiaddr } = await import('@multiformats/multiaddr')

const say = (message) => console.log(JSON.stringify(message))
const address = multiaddr(process.argv[2])
const peer = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) }
})
peer.services.pubsub.addEventListener('message', (event) => {
  say({ gossip: event.detail.data.length })
})
peer.services.pubsub.subscribe('tx')
const connection = await peer.dial(address)
say({ pinged: await peer.services.ping.ping(address) >= 0 })

// One request of the node's protocol: a frame of 600,000 bytes, answered by status 0 and the same frame.
const body = new Uint8Array(600_000).fill(7)
const frame = new Uint8Array(4 + body.length)
new DataView(frame.buffer).setUint32(0, body.length)
frame.set(body, 4)
const stream = await connection.newStream('/test/question/1')
await stream.sink([frame])
let answered = 0
for await (const chunk of stream.source) answered += chunk.byteLength
say({ answered })

while (peer.services.pubsub.getMeshPeers('tx').length === 0) await new Promise((r) => setTimeout(r, 50))
for (let i = 0; i < 20; i++) await peer.services.pubsub.publish('tx', new Uint8Array([i]))
await peer.services.pubsub.publish('tx', new Uint8Array(200_000))
const stored = await peer.peerStore.get(connection.remotePeer)
say({ protocols: stored.protocols })
process.stdin.on('end', async () => { await peer.stop(); process.exit(0) }).resume()
