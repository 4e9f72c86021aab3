/** Every limit on what comes from outside, each with its reason. */

/** A release statement is some 20 short lines; no forged one costs a slow laptop more than this (bytes). */
export const RELEASE_SIZE_MAX = 8 * 1024
/** A list of packs is as small (bytes), and names so many: a year of weekly steps, within a release's size. */
export const PACKS_SIZE_MAX = 8 * 1024
export const PACKS_LISTED_MAX = 48
/** 64 MiB of manifest is a tree of some 300,000 entries (bytes). */
export const MANIFEST_SIZE_MAX = 64 * 1024 * 1024
/** A line holds a path of 4095 bytes, escaped fourfold, a link text as long, and xattrs (bytes). */
export const MANIFEST_LINE_MAX = 128 * 1024
/** Versions stay far below 2^31, so that a jump to the last one can't close the door on later ones (fast-forward attack). */
export const VERSION_MAX = 999_999_999
/** How far a single signed release may raise the version. */
export const VERSION_JUMP_MAX = 1_000_000
/** Linux's PATH_MAX and NAME_MAX (bytes). */
export const PATH_LENGTH_MAX = 4095
export const NAME_LENGTH_MAX = 255
/** The configuration and the state record are small texts (bytes). */
export const CONFIGURATION_SIZE_MAX = 64 * 1024
export const STATE_SIZE_MAX = 16 * 1024
/** Entries of one file list, whatever was asked for: as many as a manifest may have, 32 bytes of memory each. */
export const FILE_LIST_ENTRIES_MAX = 320_000
/** Versions that one server keeps: one a day for nearly three years. */
export const VERSIONS_LISTED_MAX = 1000
/** Names that are listed of each: its manifest, its list of packs, and two packs. */
export const NAMES_OF_VERSION_MAX = 4
/** A reply of the home server is some ten lines, and a message for the user (bytes). */
export const REPLY_SIZE_MAX = 8 * 1024
/** A question to it is some ten lines, and at most 32 versions (bytes). */
export const QUESTION_SIZE_MAX = 2 * 1024
/** Two machines that sign need not agree on the time: how far one may be behind the other (seconds). */
export const SERVER_SKEW_MAX_SECONDS = 86_400
/** A laptop may lie in a cupboard for years, but not for longer than this (seconds). */
export const TIME_JUMP_MAX_SECONDS = 10 * 366 * 86_400
/** What comes before the body of an answer over HTTP, in all and in one line: proxies add some (bytes). */
export const HTTP_HEAD_SIZE_MAX = 16 * 1024
export const HTTP_LINE_SIZE_MAX = 4 * 1024
/** What chunks may cost beside their content: no server of ours sends single bytes (bytes). */
export const HTTP_FRAMING_SIZE_MAX = 32 * 1024
/** A file of a home server's folder: 100,000 stolen laptops, a line each (bytes). */
export const POLICY_SIZE_MAX = 8 * 1024 * 1024
/** A line of a home server's log holds one question and its answer (bytes). */
export const CALL_LINE_MAX = 16 * 1024
/** One datagram that every network passes whole, with room for the name of a deployment (bytes). */
export const PUSH_SIZE_MAX = 600
/** What a neighbour asks or answers: room for two long names, in a datagram that any IPv6 link passes whole (bytes). */
export const NEIGHBOUR_WORDS_SIZE_MAX = 1024
/** Neighbours that are tried of those that answered: each may cost a connection that comes to nothing. */
export const NEIGHBOURS_MAX = 4
/** Whoever asks without end has a laptop say no more than some 2 KB a minute. */
export const ANSWERS_PER_MINUTE_MAX = 20
/** So many that misbehaved are remembered, and no more: they must not push out servers that did. */
export const NEIGHBOURS_ASIDE_MAX = 16
/** A chain of keys: some 500 bytes per statement, one per year and role, for longer than laptops last (bytes). */
export const KEY_CHAIN_SIZE_MAX = 128 * 1024
/** Far more changes of a role's keys than a chain has room for. */
export const KEY_SEQUENCE_MAX = 1_000_000
/** The last second whose year has four digits: no text of ours names a later one. */
export const INSTANT_MAX_SECONDS = 253_402_300_799
/** What a client of our own server says before the framed protocol: lines of stock are far shorter (bytes). */
export const CLIENT_LINE_MAX = 1024
/** Its arguments, each and all together: options, and the paths that it asks for (bytes). */
export const CLIENT_ARGUMENT_MAX = 5119
export const CLIENT_ARGUMENTS_SIZE_MAX = 64 * 1024
export const CLIENT_ARGUMENTS_MAX = 1000
/** Filter rules are what a person typed, or a short file of them; stock takes rules of this length (bytes). */
export const FILTER_RULE_MAX = 5119
export const FILTER_RULES_MAX = 500
/** What all rules of a session may cost, in steps of comparing: a minute's work of an XO. */
export const FILTER_WORK_MAX = 100_000_000
/** What one wildcard of a client may find: more names than a folder of a tree has. */
export const WILDCARD_MATCHES_MAX = 10_000
/** All rules of a session, whatever they say (bytes). */
export const CLIENT_FILTERS_SIZE_MAX = 64 * 1024
/** Lines of a client that are passed on: what is wrong on its side is its own user's to read. */
export const CLIENT_NOTES_MAX = 20
/** Records of a client for each entry that it was listed: a report, a request, a second try, a link; and some. */
export const RECORDS_AN_ENTRY_MAX = 4
/**
 * How long a client may think, in all, by what it was listed: a slow one looks at 50 files a second, and reads them
 * at 1 MB/s to compare checksums. So long a client that is gone can hold a place (milliseconds).
 */
export const THOUGHT_MIN_MS = 60_000
export const THOUGHT_MS_AN_ENTRY = 20
export const THOUGHT_MS_A_MEGABYTE = 1000
