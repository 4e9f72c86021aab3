/**
 * How long a frame takes the air: the radio's model. Everything below is computed from these facts and
 * nothing else; medium.ts lets stations contend by them, mesh.ts adds hops, tcp.ts what TCP sends.
 *
 * One channel of 802.11b, as in an XO-1 (IEEE Std 802.11-1999 and 802.11b-1999). All stations whose
 * carrier reaches each other share one medium, by the distributed coordination function: a station that
 * has something to send waits until the medium was idle for DIFS, then for a number of idle slots drawn
 * from its contention window; whenever somebody else sends, the count stands still. After a unicast frame
 * the receiver waits SIFS and sends an ACK. Without an ACK the window doubles and the frame is sent again,
 * seven times at most. Multicast goes out once, at the basic rate, without an ACK. Every frame begins with
 * the long preamble and header at 1 Mbit/s, which is why small frames cost nearly as much as large ones
 * (Jun, Peddabachagari and Sichitiu, "Theoretical Maximum Throughput of IEEE 802.11", NCA 2003).
 *
 * Two classes of rate: 11 Mbit/s as far as 50 m, 2 Mbit/s as far as 90 m (the ORiNOCO cards' data sheet,
 * semi-open surroundings). How much is lost rises with the fourth power of the distance within a class,
 * from 1 % to 20 % of the exchanges; many links of a real mesh lose that much and go on
 * working (Aguayo, Bicket, Biswas, Judd and Morris, "Link-level Measurements from an 802.11b Mesh
 * Network", SIGCOMM 2004). The form of the curve is ours.
 *
 * Air time is what a frame keeps others from sending: DIFS, the frame, SIFS and the ACK. Idle slots of
 * backoff are not counted: all who wait spend them together.
 *
 * What it leaves out: RTS and CTS, capture (of two frames that collide the stronger one is lost, too),
 * hidden stations (who could disturb a receiver always hears of it), rate adaption, beacons, power
 * saving, other channels. All but the last make a real school's air worse for everybody alike.
 */

export type RateClass = 2 | 11

export const SLOT_US = 20
const SIFS_US = 10
export const DIFS_US = 50
const PREAMBLE_US = 192

/** Backoff is drawn from 0 to this, and the window doubles after each failure. */
export const WINDOW_MIN = 31
export const WINDOW_MAX = 1023
/** How often a frame is sent again before it is given up (dot11ShortRetryLimit). */
export const RETRIES_MAX = 7

/** What all stations understand: ACKs and multicast. */
export const BASIC_RATE: RateClass = 2
const ACK_BYTES = 14
/** Header 24, the mesh's fourth address and control field 12, checksum 4. */
const MAC_BYTES = 40
const LLC_BYTES = 8
const IP_BYTES = 20
const UDP_BYTES = 8
/** With time stamps, as Linux sends it. */
const TCP_BYTES = 32

/** What of a stream goes into one segment: Ethernet's 1500 bytes less the headers. */
export const SEGMENT_BYTES = 1500 - IP_BYTES - TCP_BYTES

export const ofTcp = (payload: number): number => payload + TCP_BYTES + IP_BYTES
export const ofUdp = (payload: number): number => payload + UDP_BYTES + IP_BYTES

/** How far each class reaches (m). */
const REACH_M: Readonly<Record<RateClass, number>> = { 11: 50, 2: 90 }
const LOSS_NEAR = 0.01
const LOSS_FAR = 0.2

/** One frame without what comes before and after it; `packetBytes` with IP's header and what is in it. */
export function frameUs(packetBytes: number, rate: RateClass): number {
  return PREAMBLE_US + Math.ceil((8 * (MAC_BYTES + LLC_BYTES + packetBytes)) / rate)
}

/** A unicast frame and its ACK, from the first bit to the last. */
export function exchangeUs(packetBytes: number, rate: RateClass): number {
  const ackUs = PREAMBLE_US + (8 * ACK_BYTES) / BASIC_RATE
  return frameUs(packetBytes, rate) + SIFS_US + ackUs
}

/** The class that serves a distance; undefined out of reach. */
export function classAt(distanceM: number): RateClass | undefined {
  if (distanceM <= REACH_M[11]) return 11
  return distanceM <= REACH_M[2] ? 2 : undefined
}

/** The share of exchanges at that distance that fail. */
export function lossAt(distanceM: number, rate: RateClass): number {
  const share = Math.min(1, distanceM / REACH_M[rate])
  return LOSS_NEAR + (LOSS_FAR - LOSS_NEAR) * share ** 4
}
