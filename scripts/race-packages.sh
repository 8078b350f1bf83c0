#!/bin/bash
# race-packages.sh: of the import paths on standard input, print those that the race
# detector can watch.
#
# Left out are packages that run guest memory or host signals by means of which the race
# detector knows nothing: its shadow memory covers Go's heap only, and its runtime is C,
# which owns the thread-local storage and signal stacks that internal/trap works with. The
# command and its runners start programs built without it anyway.
exec grep -vE '/internal/(trap|trap/early|inherited|reserved|difftest|linux|strace|loader)$|/cmd/|/test/|/hospes$'
