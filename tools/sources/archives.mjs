/**
 * The source archives that the program is built from: name, version, digest, and where each comes
 * from. The only place that names them; `fetch.mjs` is the only reader. An archive whose Debian form
 * was repacked has a second form, upstream's own, with a digest of its own.
 */

/**
 * @typedef {{ file: string, sha256: string, debianPackage?: string, url?: string }} ArchiveForm
 * @typedef {{ name: string, version: string, forms: ArchiveForm[] }} Archive
 * @type {Record<string, Archive>}
 */
export const archives = {
  musl: {
    name: 'musl',
    version: '1.2.5',
    forms: [
      {
        file: 'musl_1.2.5.orig.tar.gz',
        sha256: 'a9a118bbe84d8764da0ea0d28b3ab3fae8477fc7e4085d90102b8596fc7c75e4',
        debianPackage: 'musl',
        url: 'https://musl.libc.org/releases/musl-1.2.5.tar.gz',
      },
    ],
  },
  quickjs: {
    name: 'quickjs',
    version: '2025-04-26',
    forms: [
      {
        file: 'quickjs_2025.04.26.orig.tar.xz',
        sha256: 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe',
        debianPackage: 'quickjs',
      },
      {
        file: 'quickjs-2025-04-26.tar.xz',
        sha256: '2f20074c25166ef6f781f381c50d57b502cb85d470d639abccebbef7954c83bf',
        url: 'https://bellard.org/quickjs/quickjs-2025-04-26.tar.xz',
      },
    ],
  },
  xxhash: {
    name: 'xxhash',
    version: '0.8.3',
    forms: [
      {
        file: 'xxhash_0.8.3.orig.tar.gz',
        sha256: 'aae608dfe8213dfd05d909a57718ef82f30722c392344583d3f39050c7f29a80',
        debianPackage: 'xxhash',
        url: 'https://github.com/Cyan4973/xxHash/archive/refs/tags/v0.8.3.tar.gz',
      },
    ],
  },
  zstd: {
    name: 'zstd',
    version: '1.5.7',
    forms: [
      {
        file: 'libzstd_1.5.7+dfsg.orig.tar.xz',
        sha256: '0c092ef267edce57ba7f3f2645c861f72eaf5e76273c6c3632869423464b90a5',
        debianPackage: 'libzstd',
      },
      {
        file: 'zstd-1.5.7.tar.gz',
        sha256: 'eb33e51f49a15e023950cd7825ca74a4a2b43db8354825ac24fc1b7ee09e6fa3',
        url: 'https://github.com/facebook/zstd/releases/download/v1.5.7/zstd-1.5.7.tar.gz',
      },
    ],
  },
  zlib: {
    name: 'zlib',
    version: '1.3.1',
    forms: [
      {
        file: 'zlib_1.3.dfsg+really1.3.1.orig.tar.gz',
        sha256: '60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb',
        debianPackage: 'zlib',
      },
      {
        file: 'zlib-1.3.1.tar.gz',
        sha256: '9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23',
        url: 'https://zlib.net/fossils/zlib-1.3.1.tar.gz',
      },
    ],
  },
  nettle: {
    name: 'nettle',
    version: '3.10.1',
    forms: [
      {
        file: 'nettle_3.10.1.orig.tar.gz',
        sha256: 'b0fcdd7fc0cdea6e80dcf1dd85ba794af0d5b4a57e26397eee3bc193272d9132',
        debianPackage: 'nettle',
        url: 'https://ftp.gnu.org/gnu/nettle/nettle-3.10.1.tar.gz',
      },
    ],
  },
  busybox: {
    name: 'busybox',
    version: '1.37.0',
    forms: [
      {
        file: 'busybox_1.37.0.orig.tar.bz2',
        sha256: '3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4',
        debianPackage: 'busybox',
        url: 'https://busybox.net/downloads/busybox-1.37.0.tar.bz2',
      },
    ],
  },
  dropbear: {
    name: 'dropbear',
    version: '2025.89',
    forms: [
      {
        file: 'dropbear_2025.89.orig.tar.bz2',
        sha256: '0d1f7ca711cfc336dc8a85e672cab9cfd8223a02fe2da0a4a7aeb58c9e113634',
        debianPackage: 'dropbear',
        url: 'https://matt.ucc.asn.au/dropbear/releases/dropbear-2025.89.tar.bz2',
      },
    ],
  },
}
