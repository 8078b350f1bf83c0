// Package subpage maps guest pages that are smaller than the host's.
//
// A host page that one mapping of the guest covers, with an offset in its file that the
// host can map, is mapped in the window, as without this package. Any other host page is
// divided: what the host can protect and map only as a whole belongs to several guest
// pages, which may differ in permissions and in what is behind them, or be missing.
//
// A divided page has a list of its parts, one for each guest page. Their bytes lie in
// slots, host pages outside of the window that are always accessible: those of private
// memory, anonymous or copied from its file, in one slot, each in its place; those of
// shared memory in slots that map the same file. In the window the host page shows the
// slot of its private parts, with the permissions that all parts have. Whatever the host
// refuses there is found out in the fault handler: the access is made again by the
// accessors here, which look at the part and go to its slot. So each access is right,
// and fast if all parts allow it. Where it is not, code may take detours: a page table
// (package pagetable) leads to the slots of all parts.
//
// A part's bytes get another place when a page is divided, and at no other time. Who keeps
// host addresses while others may do that has to be told (mem.Space.WatchMoves).
//
// # What is different
//
// Private mappings of files in divided pages are copies from the beginning: later changes
// of the file do not show. They, and shared anonymous memory, can be moved but not extended
// (ENOMEM). Memory that mmap(2) may not map at the next lower
// multiple of the host's page size cannot be mapped at all, with the host's error. On a
// host whose own pages are larger, the rest of the last page of a file reads as zero.
//
// A slot of private memory is shared memory to the host, which has it in two places. So
// fork(2) copies slots: BeforeFork and AfterFork.
package subpage
