/** A plain HTTP server that counts the payload of TCP, headers included, as `measure.c` does for rsync. */
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, normalize } from 'node:path'

/** A server for the files below a folder; `takeBytes` says what went both ways since it was last asked. */
export async function serveFolder(folder) {
  const open = new Set()
  let closed = 0
  const bytesOf = ({ bytesRead, bytesWritten }) => bytesRead + bytesWritten
  const server = createServer((request, response) => {
    const path = join(
      folder,
      normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname)),
    )
    const file = statSync(path, { throwIfNoEntry: false })
    if (!file?.isFile()) return response.writeHead(404).end()
    response.writeHead(200, { 'content-length': file.size })
    createReadStream(path).pipe(response)
  })
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => {
      open.delete(socket)
      closed += bytesOf(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  let taken = 0
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    takeBytes() {
      const all = closed + [...open].reduce((sum, socket) => sum + bytesOf(socket), 0)
      const fresh = all - taken
      taken = all
      return fresh
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
