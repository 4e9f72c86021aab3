/** Names in a publisher's module that are no version, and are not of packs. */

/** The statement of the newest version. */
export const LATEST = 'latest'

/** How the names of what is being made begin; none of that is ever fetched. */
export const UNFINISHED = '.new-'
