/* The packed bytecode of the bundle, as it is in the file named by BUNDLE_FILE. */
  .section .rodata.bundle, "a"
  .balign 16
  .globl bundle_start, bundle_end
  .hidden bundle_start, bundle_end
bundle_start:
  .incbin BUNDLE_FILE
bundle_end:
  .byte 0
  .section .note.GNU-stack, "", %progbits
