/**
 * The Node side of `native:sending`, for the tests, the debugger and the emulator: over any Files. Plain and
 * slow on purpose: the C side is compared with it.
 */
import type { Sender, SentList } from 'native:sending'
import type { Files, Sending } from '../../src/host.ts'
import { windowOf } from './bytes.node.ts'
import { NodeSender } from './sender.node.ts'
import { NodeSentList } from './sent-list.node.ts'

const closed = new WeakSet<object>()

function senderOf(value: Sender): NodeSender {
  if (value instanceof NodeSender && !closed.has(value)) return value
  throw new TypeError('no open sender')
}

function listOf(value: SentList): NodeSentList {
  if (!(value instanceof NodeSentList) || closed.has(value)) {
    throw new TypeError('no open list to be sent')
  }
  if (value.isBusy) throw new TypeError('the list is being walked')
  return value
}

export function makeSending(files: Files): Sending {
  return {
    openSender: (options) => new NodeSender(files, options),
    beginSums: (sender, head, append) => senderOf(sender).beginSums(head, append),
    feedSums: (sender, ...window) => senderOf(sender).feedSums(windowOf(...window)),
    sumsComplete: (sender) => senderOf(sender).sumsComplete,
    dropSums: (sender) => senderOf(sender).dropSums(),
    beginSending: (sender, file) => senderOf(sender).begin(file),
    produce: (sender, ...window) => senderOf(sender).produce(windowOf(...window)),
    sendingEnded: (sender) => senderOf(sender).ended,
    finishSending: (sender) => senderOf(sender).finish(),
    closeSender: (sender) => void closed.add(sender),
    openSentList: (options) => new NodeSentList(files, options),
    addPlace: (list, place) => listOf(list).addPlace(place),
    addEntry: (list, place, name, as) => listOf(list).addEntry(place, name, as),
    addMade: (list, name, made, as) => listOf(list).addMade(name, made, as),
    walkList: (list, countMax, keep) => listOf(list).walk(countMax, keep),
    endSentList: (list, end) => listOf(list).end(end),
    drainList: (list, ...window) => listOf(list).take(windowOf(...window)),
    listDrained: (list) => listOf(list).drained,
    sentSummary: (list) => listOf(list).summary(),
    sentAt: (list, index) => listOf(list).at(index),
    closeSentList(list) {
      if (!closed.has(list)) closed.add(listOf(list))
    },
  }
}
