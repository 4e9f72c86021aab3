/** The variables that programs of the initramfs are started with: all that they may rely on. */

export const CHILD_ENVIRONMENT = ['PATH=/bin:/sbin:/usr/bin:/usr/sbin', 'HOME=/', 'TERM=linux']
