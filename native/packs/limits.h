/*
 * Every limit of a pack (docs/PACKS.md), with its reason. What a pack says is never larger than one of these, and no
 * memory is taken for anything else.
 */
#ifndef PACKS_LIMITS_H
#define PACKS_LIMITS_H

/* What a frame unpacks to, and its window: small enough to be held, and 1.4 % larger than one for all (bytes). */
#define FRAME_RAW_MAX (1024 * 1024)
#define FRAME_WINDOW_LOG_MAX 20
/* What zstd may make of that at worst (bytes). */
#define FRAME_PACKED_MAX 1052672
/* 64 MiB of manifest, and digests, are some 96. */
#define MANIFEST_FRAMES_MAX 128
/* 16 GiB of what is in frames: a hundred times an upgrade, ten times an image. */
#define FILE_FRAMES_MAX 16384
/* 49 bits, which a JavaScript number holds (bytes). */
#define VARINT_LENGTH_MAX 7
/* Blocks hold places of 32 bits. */
#define CONTENT_SIZE_MAX 0xffffffffu
/* The largest file that was seen has 26,168. Each takes 12 bytes, twice. */
#define BLOCKS_MAX 65536
/* An opened .gz, and one as a base, which is held in memory (bytes). */
#define OPENED_SIZE_MAX (4 * 1024 * 1024)
/* The header of a .gz with a long name in it, and the least of all (bytes). */
#define GZIP_HEADER_MAX 1024
#define GZIP_HEADER_MIN 10
/* Each entry of a manifest takes 50 bytes or more, and a manifest at most 64 MiB. */
#define MANIFEST_ENTRIES_MAX 1400000
#define PACK_MANIFEST_SIZE_MAX (64 * 1024 * 1024)

/* PT_LOAD segments of a file: four or five are usual. */
#define SEGMENTS_MAX 16
/* Addresses of programs; those of a kernel are above (exclusive). */
#define ADDRESS_LIMIT ((uint64_t)1 << 48)
/* Functions of .eh_frame, 4 bytes each: more than python has ten times over; further ones are not predicted. */
#define UNWIND_ENTRIES_MAX 131072
/* Sections of a kernel module: a hundred are many. */
#define SECTIONS_MAX 4096
/* A piece of a block that is predicted as a whole (bytes). */
#define PIECE_SIZE 65536
/* What a piece's old bytes must have before them, where the base has as much (bytes). */
#define PIECE_CONTEXT 8

#endif
