\ olpc.fth: starts an XO from Open Firmware with the early boot of xo-upgrade.
\
\ Goes to \boot\olpc.fth of the disk that holds the kernel and initramfs.cpio.gz (see docs/BOOT.md).
\ The first line must begin with a backslash and a space, or the firmware takes it for no script.
\
\ A game key that is held when the laptop starts becomes a word for the early boot:
\   square   xo.boot=previous   the version before
\   check    xo.recover         repair from a stick or the network
\   x        xo.recover=usb     repair from a stick alone
\   rotate   xo.menu            the menu on the screen
\ (The firmware itself takes the O key for its alternate boot folder.)

\ Adds a word to the kernel's command line.
: say-word  ( word$ -- )
   boot-file  "  " $cat2  2swap $cat2  to boot-file
;

: say-game-keys  ( -- )
   button-square game-key?  if  " xo.boot=previous" say-word  then
   button-check  game-key?  if  " xo.recover"       say-word  then
   button-x      game-key?  if  " xo.recover=usb"   say-word  then
   button-rotate game-key?  if  " xo.menu"          say-word  then
;

\ What people look at must be seen: the firmware freezes the screen for a quiet start.
: start-xo  ( -- )
   visible unfreeze

   \ An XO-1 keeps its store on its flash; an XO-1.5 and later on a card: xo.store=LABEL=OLPCRoot:/xo
   " console=ttyS0,115200 console=tty0 panic=10 xo.store=/dev/mtdblock0:/xo"  to boot-file
   say-game-keys

   " last:\boot\initramfs.cpio.gz"  to ramdisk
   " last:\boot\vmlinuz"            to boot-device
   boot
;

start-xo
