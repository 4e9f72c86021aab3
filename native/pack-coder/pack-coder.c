/* native:pack-coder: what JavaScript calls; see pack-coder.d.ts. */
#include "frames.h"
#include "module.h"

static NATIVE(pack_coder_compress_frame) {
  uint8_t *content;
  size_t length;
  if (buffer_whole(context, arguments[0], &content, &length)) return JS_EXCEPTION;
  struct bytes frame = {0};
  struct ZSTD_CCtx_s *compressor = compressor_new();
  compress_frame(compressor, content, length, &frame);
  compressor_free(compressor);
  JSValue result = buffer_new(context, frame.data, frame.length);
  bytes_free(&frame);
  return result;
}

static const JSCFunctionListEntry pack_coder_functions[] = {
    JS_CFUNC_DEF("compressFrame", 1, pack_coder_compress_frame),
};

MODULE_CALLED(pack_coder, "native:pack-coder", pack_coder_functions, NULL, NULL)
