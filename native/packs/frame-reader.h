/*
 * The frames of a pack, one at a time: unpacked into memory that never grows, and handed out section by section. Says of
 * a wrong one which it is, and where; knows nothing of what is in it.
 */
#ifndef FRAME_READER_H
#define FRAME_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "../delta/fault.h"
#include "limits.h"

enum frame_kind { FRAME_MANIFEST, FRAME_FILES, FRAME_MORE, FRAME_INDEX };
enum section_name { SECTION_CONTROL, SECTION_GAPS, SECTION_FIXES, SECTION_TEXT, SECTION_COUNT };

struct frame_reader;

/* `name` is for messages, and copied. NULL: no memory (budget_pack). */
struct frame_reader *frame_reader_open(int fd, const char *name);
void frame_reader_close(struct frame_reader *reader);

/* The next frame is the one at this place, which is number `number` of the pack. */
void frame_seek(struct frame_reader *reader, int64_t place, uint32_t number);
/* Where the next frame begins, and its number. */
int64_t frame_place(const struct frame_reader *reader);
uint32_t frame_number(const struct frame_reader *reader);

/*
 * Unpacks the next frame. 1; 0: the pack doesn't reach to its end (yet), and nothing has changed; -1 with a fault, which
 * says what is wrong if it is not of this kind.
 */
int frame_next(struct frame_reader *reader, struct fault *fault);
enum frame_kind frame_kind(const struct frame_reader *reader);
/* Bytes that the frame took in the pack. */
uint32_t frame_packed_length(const struct frame_reader *reader);

/* The bytes of a section that have not been taken. */
uint32_t section_left(const struct frame_reader *reader, enum section_name section);
/* Whether every section has been taken as a whole. */
bool frame_used_up(const struct frame_reader *reader);

/* The next bytes of a section; NULL with a fault: it has not as many. Good until the next frame. */
const uint8_t *section_take(struct frame_reader *reader, enum section_name section, uint32_t count,
                            struct fault *fault);
/* The next number. 0, or -1 with a fault. `what` says what it is. */
int section_number(struct frame_reader *reader, enum section_name section, const char *what,
                   uint64_t *value, struct fault *fault);
/* The same, refused above `allowed`. */
int section_number_up_to(struct frame_reader *reader, enum section_name section, const char *what,
                         uint64_t allowed, uint64_t *value, struct fault *fault);
int section_signed(struct frame_reader *reader, enum section_name section, const char *what,
                   int64_t *value, struct fault *fault);

/* Fills in a fault of the pack: its name, the frame, and the place in it come first. -1. */
int frame_fault(const struct frame_reader *reader, struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
