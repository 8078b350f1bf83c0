//go:build linux && amd64

package sandbox

// FileRows are the system calls about files, in the order of the numbers.
var FileRows = []Row{
	{64, "write", sysWrite, Full, ""},
}
