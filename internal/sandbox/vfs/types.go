//go:build linux

package vfs

import (
	"syscall"
	"time"
)

// Errno is a Linux error number; 0 is success.
type Errno = syscall.Errno

// Types of files in a mode (inode(7)).
const (
	S_IFMT   = 0o170000
	S_IFSOCK = 0o140000
	S_IFLNK  = 0o120000
	S_IFREG  = 0o100000
	S_IFBLK  = 0o060000
	S_IFDIR  = 0o040000
	S_IFCHR  = 0o020000
	S_IFIFO  = 0o010000

	S_ISUID = 0o4000
	S_ISGID = 0o2000
	S_ISVTX = 0o1000
)

// Flags of open(2), with the values of asm-generic/fcntl.h, which riscv64 has.
const (
	O_RDONLY    = 0o0
	O_WRONLY    = 0o1
	O_RDWR      = 0o2
	O_ACCMODE   = 0o3
	O_CREAT     = 0o100
	O_EXCL      = 0o200
	O_NOCTTY    = 0o400
	O_TRUNC     = 0o1000
	O_APPEND    = 0o2000
	O_NONBLOCK  = 0o4000
	O_DSYNC     = 0o10000
	O_ASYNC     = 0o20000
	O_DIRECT    = 0o40000
	O_LARGEFILE = 0o100000
	O_DIRECTORY = 0o200000
	O_NOFOLLOW  = 0o400000
	O_NOATIME   = 0o1000000
	O_CLOEXEC   = 0o2000000
	O_SYNC      = 0o4000000 | O_DSYNC
	O_PATH      = 0o10000000
	O_TMPFILE   = 0o20000000 | O_DIRECTORY
)

// Limits of names.
const (
	NameMax  = 255  // bytes in one name
	PathMax  = 4096 // bytes in a path, the final NUL included
	maxLinks = 40   // symbolic links in one resolution
)

// Attr is what stat(2) tells of a file. Mode has the type, too; Size is in bytes,
// Blocks in units of 512 bytes.
type Attr struct {
	Dev, Ino                   uint64
	Mode, Nlink                uint32
	UID, GID                   uint32
	Rdev                       uint64
	Size, Blocks               int64
	Blksize                    int64
	Atime, Mtime, Ctime, Btime time.Time
}

// Change is what is to change of a file's attributes: what is not nil.
type Change struct {
	Mode         *uint32 // permissions only
	UID, GID     *uint32
	Size         *int64
	Atime, Mtime *time.Time
}

// NewFile says what a new file shall be.
type NewFile struct {
	Mode     uint32 // type and permissions, the umask already applied
	UID, GID uint32
	Rdev     uint64
	Target   string // of a symbolic link
	// Open is not nil if the file is to be opened, too. File systems of the host do it at
	// once: later its permissions may forbid it.
	Open *Opening
}

// Opening asks for a new file to be opened. Handle is the answer, nil if Node.Open has
// to be called.
type Opening struct {
	Flags  int
	Handle Handle
}

// Statfs is what statfs(2) tells of a file system. Flags are those of the mount.
type Statfs struct {
	Type, Bsize          int64
	Blocks, Bfree        uint64
	Files, Ffree         uint64
	Namelen, Fsid, Flags int64
}

// Dirent is an entry of a directory. Type is a file type of a mode.
type Dirent struct {
	Name string
	Ino  uint64
	Type uint32
}

// Mkdev makes a device number as user space has it (makedev(3)).
func Mkdev(major, minor uint32) uint64 {
	return uint64(minor&0xff) | uint64(major&0xfff)<<8 | uint64(minor&^0xff)<<12 | uint64(major&^0xfff)<<32
}
