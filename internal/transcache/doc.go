//go:build linux

// Package transcache keeps what is made of a program, such as translations of its code, in a file for later runs of it.
//
// A [File] is entries by 64-bit keys. What they hold is their user's affair: this package says only that an entry is as it
// was saved. It is looked up in place, in a read-only mapping of the file, so opening costs the same however much there is.
//
// # Trust
//
// Entries are translations: who can write them has code executed by whoever reads them. So the directory and its files
// have to belong to the effective user, and nobody else may be able to write to them; they are opened without following links.
// All else that may be wrong with a file, such as one that is cut off, damaged or of another format, makes its entries not be found:
// the header has a checksum, and so has each entry, which is copied before it is checked.
//
// # Writing
//
// [File.Save] writes a new file and renames it, so a reader sees one or the other, whole, and a process that ends in the midst
// leaves only a temporary file. It merges with what others have saved meanwhile. A file has entries in the
// order in which they were used last; those at its beginning go first when there are too many. Files that have not been used for the longest time go
// when there are too many of them. A process that may open nothing any more ([File.Hold]) writes in place.
//
// # Locks
//
// None: methods are for the holder of a lock of the caller's, but for Has, which any thread may call.
package transcache
