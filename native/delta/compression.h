/* How the literals of a connection's token streams are compressed. */
#ifndef COMPRESSION_H
#define COMPRESSION_H

enum compression { COMPRESSION_NONE, COMPRESSION_ZLIBX, COMPRESSION_ZSTD };

#endif
