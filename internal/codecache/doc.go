//go:build linux

// Package codecache keeps translations of guest code: executable memory, blocks by guest
// address, and the links between them.
//
// # Chaining
//
// A block's exits are jumps in its code. An exit leads back to the engine until it is
// linked: then its displacement is patched so that it leads to another block's code
// ([Cache.Link]). What is patched lies within a cache line, is written in one access, and may be executed
// by other threads meanwhile. A block whose guest code has changed is dropped: it is not
// found any more, and all exits that lead to it are unlinked ([Cache.Drop]); its own code stays, for
// threads that are in it. When the same code is there again, the block is revived
// ([Cache.Revive]): dynamic linkers and just-in-time compilers change permissions far
// more often than code.
//
// Each block has two entries. Before the first stands a look at the interrupt word; the
// second is behind it. A jump or call forward takes the second, all others the first: guest
// addresses cannot grow all the way round a loop, so each loop looks at the word.
//
// # Room
//
// Memory is given out from one end to the other. What of a block is seldom executed, its tail, has a part of
// its own at the end ([Cache.Tail]), so that hosts do not fetch it with the rest. When either part is full, everything is
// forgotten at once ([Cache.Reset]), at a time when no thread is in it.
//
// # Locks
//
// None: all methods are for the holder of the engine's lock.
package codecache
