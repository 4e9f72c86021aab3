/*
 * One line of a manifest taken apart; see manifest-line.h. What src/release/manifest-line.ts
 * refuses is refused here, and what it skips is skipped.
 */
#include "manifest-line.h"

#include <string.h>

#include "manifest-words.h"

#define ID_MAX 0xfffffffeLL
#define DEVICE_PART_MAX 0xffffffffLL
#define SAFE_INTEGER_MAX 9007199254740991LL

/* What a line has said so far, one bit each. */
enum seen {
  SEEN_TYPE = 1 << 0,
  SEEN_MODE = 1 << 1,
  SEEN_UID = 1 << 2,
  SEEN_GID = 1 << 3,
  SEEN_SIZE = 1 << 4,
  SEEN_TIME = 1 << 5,
  SEEN_LINK = 1 << 6,
  SEEN_DEVICE = 1 << 7,
  SEEN_DIGEST = 1 << 8,
  SEEN_LINKS = 1 << 9,
  SEEN_TAGS = 1 << 10,
};

static const struct {
  const char *name;
  mode_t format;
} formats[] = {
    {"file", S_IFREG},  {"dir", S_IFDIR},  {"link", S_IFLNK},    {"char", S_IFCHR},
    {"block", S_IFBLK}, {"fifo", S_IFIFO}, {"socket", S_IFSOCK},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

const char *format_name(mode_t format) {
  for (size_t i = 0; i < FORMAT_COUNT; i++) {
    if (formats[i].format == format) return formats[i].name;
  }
  return "file";
}

int path_compare(const char *a, size_t a_length, const char *b, size_t b_length) {
  bool a_root = a_length == 1 && a[0] == '.', b_root = b_length == 1 && b[0] == '.';
  if (a_root || b_root) return (int)b_root - (int)a_root;
  int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
  if (order) return order;
  return (a_length > b_length) - (a_length < b_length);
}

static bool is(struct word word, const char *text) {
  return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

static bool begins(struct word word, const char *text) {
  return word.length >= strlen(text) && memcmp(word.text, text, strlen(text)) == 0;
}

/* Unescapes a path and checks each of its names. Its length, or -1. */
static int64_t read_path(struct word word, char *path, size_t *parent_length) {
  *parent_length = 0;
  if (is(word, ".")) {
    memcpy(path, ".", 2);
    return 1;
  }
  if (!begins(word, "./")) return -1;
  int64_t length =
      word_unescape((struct word){word.text + 2, word.length - 2}, path, PATH_SIZE_MAX);
  if (length <= 0) return -1;
  for (const char *name = path;;) {
    /* Names are short: a search that takes many bytes at a time would cost more. */
    const char *end = name;
    while (*end && *end != '/') end++;
    size_t name_length = (size_t)(end - name);
    bool dots = name[0] == '.' && (name_length == 1 || (name_length == 2 && name[1] == '.'));
    if (name_length == 0 || name_length > NAME_LENGTH_MAX || dots) return -1;
    if (!*end) return length;
    *parent_length = (size_t)(end - path);
    name = end + 1;
  }
}

static int read_time(struct word word, struct timespec *time) {
  bool point = memchr(word.text, '.', word.length) != NULL;
  struct word whole = word_cut(&word, '.');
  bool negative = whole.length > 0 && whole.text[0] == '-';
  if (negative) whole.text++, whole.length--;
  int64_t seconds = word_number(whole, 10, SAFE_INTEGER_MAX);
  /* Both dialects count nanoseconds after the dot. */
  int64_t nanoseconds = point ? word_number(word, 10, 999999999) : 0;
  if (seconds < 0 || nanoseconds < 0) return -1;
  time->tv_sec = (time_t)(negative ? -seconds : seconds);
  time->tv_nsec = (long)nanoseconds;
  return 0;
}

/* A device as one number, as NetBSD's mtree writes Linux's: decimal, or hex after `0x`. */
static int read_whole_device(struct word word, struct entry *entry) {
  bool hex = begins(word, "0x");
  uint64_t value = 0, base = hex ? 16 : 10;
  size_t first = hex ? 2 : 0;
  if (word.length <= first || word.length > (hex ? 18u : 19u)) return -1;
  for (size_t i = first; i < word.length; i++) {
    char c = word.text[i];
    uint64_t digit = c >= '0' && c <= '9'          ? (uint64_t)(c - '0')
                     : hex && c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
                                                   : base;
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  entry->major = (uint32_t)((value >> 8 & 0xfff) | (value >> 32 & 0xfffff000));
  entry->minor = (uint32_t)((value & 0xff) | (value >> 12 & 0xffffff00));
  return 0;
}

static int read_device(struct word word, struct entry *entry) {
  if (!memchr(word.text, ',', word.length)) return read_whole_device(word, entry);
  struct word rest = word;
  struct word family = word_cut(&rest, ',');
  struct word high = word_cut(&rest, ',');
  if (!is(family, "native") && !is(family, "linux")) return -1;
  int64_t major = word_number(high, 10, DEVICE_PART_MAX);
  int64_t minor = word_number(rest, 10, DEVICE_PART_MAX);
  if (major < 0 || minor < 0) return -1;
  entry->major = (uint32_t)major;
  entry->minor = (uint32_t)minor;
  return 0;
}

/* `NAME:BASE64`; its name and its value go into the arena, from *used on. */
static int read_xattr(struct word word, struct entry *entry, size_t *used) {
  if (entry->xattr_count == XATTRS_MAX || !memchr(word.text, ':', word.length)) return -1;
  struct word name = word_cut(&word, ':');
  char *at = entry->arena + *used;
  int64_t name_length = word_unescape(name, at, NAME_LENGTH_MAX + 1);
  if (name_length <= 0) return -1;
  uint8_t *value = (uint8_t *)at + name_length + 1;
  int64_t value_length = word_base64(word, value);
  if (value_length < 0 || value_length > XATTR_VALUE_MAX_SIZE) return -1;
  size_t count = entry->xattr_count;
  if (count > 0 && strcmp(entry->xattrs[count - 1].name, at) >= 0) return -1;
  entry->xattrs[count] = (struct xattr){at, value, (size_t)value_length};
  entry->xattr_count = count + 1;
  *used += (size_t)name_length + 1 + (size_t)value_length;
  return 0;
}

static const char *read_tags(struct word tags, struct entry *entry) {
  size_t used = 0;
  while (tags.length > 0) {
    struct word word = word_cut(&tags, ',');
    if (begins(word, "hardlink:")) {
      if (entry->follower) return "is a hard link twice";
      size_t ignored;
      int64_t length =
          read_path((struct word){word.text + 9, word.length - 9}, entry->leader, &ignored);
      if (length < 0) return "is a hard link to a path that can't be";
      entry->follower = true;
      entry->leader_length = (size_t)length;
    } else if (begins(word, "xattr:")) {
      word = (struct word){word.text + 6, word.length - 6};
      if (read_xattr(word, entry, &used)) return "has a malformed or misplaced extended attribute";
    }
  }
  return NULL;
}

static const char *read_type(struct word value, struct entry *entry) {
  for (size_t i = 0; i < FORMAT_COUNT; i++) {
    if (!is(value, formats[i].name)) continue;
    entry->format = formats[i].format;
    return NULL;
  }
  return "has an unknown type";
}

static const char *read_digest(struct word value, struct entry *entry, bool second) {
  uint8_t digest[DIGEST_SIZE];
  if (word_hex(value, digest, sizeof digest)) return "has a malformed digest";
  if (second && memcmp(digest, entry->digest, sizeof digest) != 0) return "has two digests";
  memcpy(entry->digest, digest, sizeof digest);
  return NULL;
}

/* Which keyword it is; 0 for keywords of other tools, which are skipped. */
static unsigned keyword_bit(struct word keyword) {
#define KEYWORD(text, bit) \
  { text, sizeof text - 1, bit }
  static const struct {
    const char *name;
    size_t length;
    unsigned bit;
  } keywords[] = {
      KEYWORD("type", SEEN_TYPE),
      KEYWORD("mode", SEEN_MODE),
      KEYWORD("uid", SEEN_UID),
      KEYWORD("gid", SEEN_GID),
      KEYWORD("size", SEEN_SIZE),
      KEYWORD("time", SEEN_TIME),
      KEYWORD("sha256digest", SEEN_DIGEST),
      KEYWORD("link", SEEN_LINK),
      KEYWORD("nlink", SEEN_LINKS),
      KEYWORD("tags", SEEN_TAGS),
      KEYWORD("device", SEEN_DEVICE),
      KEYWORD("sha256", SEEN_DIGEST),
  };
  for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
    if (keyword.length != keywords[i].length) continue;
    if (memcmp(keyword.text, keywords[i].name, keyword.length) == 0) return keywords[i].bit;
  }
  return 0;
}

static const char *read_keyword(struct entry *entry, unsigned bit, struct word value, bool second) {
  int64_t number = 0;
  switch (bit) {
    case SEEN_TYPE: return read_type(value, entry);
    case SEEN_DIGEST: return read_digest(value, entry, second);
    case SEEN_TAGS: return read_tags(value, entry);
    case SEEN_TIME: return read_time(value, &entry->modified) ? "has a malformed time" : NULL;
    case SEEN_DEVICE: return read_device(value, entry) ? "has a malformed device number" : NULL;
    case SEEN_LINK:
      return word_unescape(value, entry->link, PATH_SIZE_MAX) > 0 ? NULL
                                                                  : "has a malformed link text";
    case SEEN_MODE: entry->mode = (mode_t)(number = word_number(value, 8, 07777)); break;
    case SEEN_UID: entry->uid = (uint32_t)(number = word_number(value, 10, ID_MAX)); break;
    case SEEN_GID: entry->gid = (uint32_t)(number = word_number(value, 10, ID_MAX)); break;
    case SEEN_SIZE: entry->size = number = word_number(value, 10, SAFE_INTEGER_MAX); break;
    case SEEN_LINKS:
      entry->links = (uint32_t)(number = word_number(value, 10, DEVICE_PART_MAX));
      break;
  }
  return number < 0 ? "has a number that can't be" : NULL;
}

/* Checks that everything is there that the type needs, and drops what means nothing for it. */
static const char *complete(struct entry *entry, unsigned seen) {
  const unsigned always = SEEN_TYPE | SEEN_MODE | SEEN_UID | SEEN_GID | SEEN_TIME;
  if ((seen & always) != always) return "lacks its type, mode, uid, gid or time";
  bool root = entry->path_length == 1 && entry->path[0] == '.';
  if (root && entry->format != S_IFDIR) return "is the root, and no directory";
  bool device = entry->format == S_IFCHR || entry->format == S_IFBLK;
  if (!device) entry->major = entry->minor = 0;
  if (entry->format == S_IFREG) {
    if (!(seen & SEEN_SIZE)) return "has no size";
    if (!(seen & SEEN_DIGEST)) return "has no digest";
    if (entry->links < 1) entry->links = 1;
    if (entry->follower && entry->links < 2) return "is a hard link without a count of links";
    if (entry->follower &&
        path_compare(entry->leader, entry->leader_length, entry->path, entry->path_length) >= 0) {
      return "is a hard link to a later name";
    }
    return NULL;
  }
  if (entry->follower) return "is a hard link, and no regular file";
  entry->size = 0;
  entry->links = 1;
  if (entry->format == S_IFLNK && !(seen & SEEN_LINK)) return "has no link text";
  if (device && !(seen & SEEN_DEVICE)) return "has no device number";
  return NULL;
}

const char *entry_parse_path(struct entry *entry, const char *line, size_t length) {
  struct word rest = {line, length};
  int64_t path_length = read_path(word_cut(&rest, ' '), entry->path, &entry->parent_length);
  if (path_length < 0) return "has a path that can't be (\"mtree -C\" writes full paths)";
  entry->path_length = (size_t)path_length;
  return NULL;
}

const char *entry_parse(struct entry *entry, const char *line, size_t length) {
  const char *problem = entry_parse_path(entry, line, length);
  if (problem) return problem;
  entry->links = 0;
  entry->size = 0;
  entry->follower = false;
  entry->xattr_count = 0;
  struct word rest = {line, length};
  unsigned seen = 0;
  word_cut(&rest, ' ');
  while (rest.length > 0) {
    struct word value = word_cut(&rest, ' ');
    struct word keyword = word_cut(&value, '=');
    if (value.text == keyword.text + keyword.length) continue;
    unsigned bit = keyword_bit(keyword);
    if (!bit) continue;
    bool second = seen & bit;
    if (second && bit != SEEN_DIGEST) return "has a keyword twice";
    problem = read_keyword(entry, bit, value, second);
    if (problem) return problem;
    seen |= bit;
  }
  return complete(entry, seen);
}
