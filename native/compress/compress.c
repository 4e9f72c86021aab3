/*
 * native:compress: streaming decoders over zlib and zstd. A decoder holds the library's state and
 * nothing of the caller's buffers between two calls.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "module.h"

/* 8 MiB: all that zstd's levels up to 19 use, and all that the laptop can spare. */
#define WINDOW_LOG_MAX 23

struct decoder {
  bool is_zstd;
  bool ended;
  ZSTD_DCtx *zstd;
  z_stream inflate;
};

static JSClassID decoder_class;

static void decoder_free(struct decoder *decoder) {
  if (!decoder) return;
  if (decoder->is_zstd) {
    ZSTD_freeDCtx(decoder->zstd);
  } else {
    inflateEnd(&decoder->inflate);
  }
  free(decoder);
}

static void decoder_finalize(JSRuntime *runtime, JSValue value) {
  (void)runtime;
  decoder_free(JS_GetOpaque(value, decoder_class));
}

static const JSClassDef decoder_definition = {"Decoder", .finalizer = decoder_finalize};

static struct decoder *decoder_open(bool is_zstd) {
  struct decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) return NULL;
  decoder->is_zstd = is_zstd;
  if (is_zstd) {
    decoder->zstd = ZSTD_createDCtx();
    if (decoder->zstd) {
      ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
      return decoder;
    }
  } else if (inflateInit2(&decoder->inflate, -15) == Z_OK) {
    return decoder;
  }
  free(decoder);
  return NULL;
}

static JSValue compress_open_decoder(JSContext *context, JSValueConst self, int count,
                                     JSValueConst *arguments) {
  (void)self, (void)count;
  const char *format = JS_ToCString(context, arguments[0]);
  if (!format) return JS_EXCEPTION;
  bool is_zstd = strcmp(format, "zstd") == 0;
  bool known = is_zstd || strcmp(format, "inflate") == 0;
  if (!known) JS_ThrowTypeError(context, "\"%s\" is no format", format);
  JS_FreeCString(context, format);
  if (!known) return JS_EXCEPTION;
  JSValue object = JS_NewObjectClass(context, (int)decoder_class);
  if (JS_IsException(object)) return object;
  struct decoder *decoder = decoder_open(is_zstd);
  if (!decoder) {
    JS_FreeValue(context, object);
    return JS_ThrowOutOfMemory(context);
  }
  JS_SetOpaque(object, decoder);
  return object;
}

struct progress {
  const uint8_t *source;
  size_t source_length;
  uint8_t *target;
  size_t target_length;
  size_t used;
  size_t made;
};

/* What the decoders say where the fault is not the bytes' (compared by address). */
static const char no_memory[] = "out of memory";

/* Returns NULL, `no_memory`, or what is wrong with the bytes. */
static const char *decode_zstd(struct decoder *decoder, struct progress *progress) {
  if (decoder->ended && progress->source_length == 0) return NULL;
  ZSTD_inBuffer input = {progress->source, progress->source_length, 0};
  ZSTD_outBuffer output = {progress->target, progress->target_length, 0};
  size_t wanted;
  decoder->ended = false;
  // zstd takes calls that move nothing for a fault of the caller: none is made once the input is used.
  do {
    wanted = ZSTD_decompressStream(decoder->zstd, &output, &input);
    if (ZSTD_getErrorCode(wanted) == ZSTD_error_memory_allocation) return no_memory;
    if (ZSTD_isError(wanted)) return ZSTD_getErrorName(wanted);
  } while (wanted != 0 && output.pos < output.size && input.pos < input.size);
  progress->used = input.pos;
  progress->made = output.pos;
  decoder->ended = wanted == 0;
  return NULL;
}

static const char *decode_inflate(struct decoder *decoder, struct progress *progress) {
  if (decoder->ended) return NULL;
  z_stream *stream = &decoder->inflate;
  // zlib counts in unsigned int: what is longer is simply not used yet.
  stream->next_in = (Bytef *)progress->source;
  stream->avail_in =
      (uInt)(progress->source_length < UINT32_MAX ? progress->source_length : UINT32_MAX);
  stream->next_out = progress->target;
  stream->avail_out =
      (uInt)(progress->target_length < UINT32_MAX ? progress->target_length : UINT32_MAX);
  int status = inflate(stream, Z_SYNC_FLUSH);
  if (status == Z_MEM_ERROR) return no_memory;
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
    return stream->msg ? stream->msg : "broken deflate stream";
  }
  progress->used = (size_t)(stream->next_in - progress->source);
  progress->made = (size_t)(stream->next_out - progress->target);
  decoder->ended = status == Z_STREAM_END;
  return NULL;
}

static JSValue compress_decode(JSContext *context, JSValueConst self, int count,
                               JSValueConst *arguments) {
  (void)self, (void)count;
  struct decoder *decoder = JS_GetOpaque(arguments[0], decoder_class);
  if (!decoder) return JS_ThrowTypeError(context, "no open decoder");
  struct progress progress = {0};
  uint8_t *source;
  if (buffer_window(context, arguments[1], arguments[2], arguments[3], &source,
                    &progress.source_length)) {
    return JS_EXCEPTION;
  }
  if (buffer_whole(context, arguments[4], &progress.target, &progress.target_length)) {
    return JS_EXCEPTION;
  }
  progress.source = source;
  if (progress.target_length > 0) {
    const char *wrong =
        decoder->is_zstd ? decode_zstd(decoder, &progress) : decode_inflate(decoder, &progress);
    if (wrong == no_memory) return JS_ThrowOutOfMemory(context);
    if (wrong) {
      const char *format = decoder->is_zstd ? "zstd" : "deflate";
      return throw_named_error(context, "CompressedDataError", "broken %s stream: %s", format,
                               wrong);
    }
  }
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "used", JS_NewInt64(context, (int64_t)progress.used));
  set_property(context, result, "made", JS_NewInt64(context, (int64_t)progress.made));
  set_property(context, result, "ended", JS_NewBool(context, decoder->ended));
  return result;
}

static JSValue compress_close_decoder(JSContext *context, JSValueConst self, int count,
                                      JSValueConst *arguments) {
  (void)context, (void)self, (void)count;
  struct decoder *decoder = JS_GetOpaque(arguments[0], decoder_class);
  if (!decoder) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  decoder_free(decoder);
  return JS_UNDEFINED;
}

static int prepare(JSContext *context, JSModuleDef *module) {
  (void)module;
  JSRuntime *runtime = JS_GetRuntime(context);
  JS_NewClassID(&decoder_class);
  return JS_NewClass(runtime, decoder_class, &decoder_definition);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("openDecoder", 1, compress_open_decoder),
    JS_CFUNC_DEF("decode", 5, compress_decode),
    JS_CFUNC_DEF("closeDecoder", 1, compress_close_decoder),
};

MODULE_WITH(compress, functions, prepare)
