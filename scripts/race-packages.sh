#!/bin/bash
# race-packages.sh: of the import paths on standard input, print those that the race
# detector can watch.
#
# Left out are packages that touch guest memory or catch host signals: the detector's
# shadow memory covers Go's heap only, a fault in guest memory then happens inside its C
# runtime, where Go cannot recover from it, and that runtime owns the thread-local storage
# and signal stacks that internal/trap works with. The command and its test programs
# start processes built without the detector anyway.
exec grep -vE '/internal/(trap|trap/early|inherited|reserved|difftest|linux|strace|loader|guest/riscv)$|/cmd/|/test(/|$)|/hospes$'
