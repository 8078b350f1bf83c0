package ir

// Function is a library function that the translator has code of its own for. Arguments and
// results are as the guest's calling convention has them.
type Function uint8

// The functions, which do what the C standard, or POSIX or GNU where it knows none, says of
// those of the same name. Results that are only said to be less or greater than zero are
// differences of bytes. Where operands overlap that must not, the guest's own code decides.
const (
	NoFunction Function = iota
	Memcpy
	Memmove
	Mempcpy
	Memset
	Memcmp
	Memchr
	Rawmemchr
	Strlen
	Strnlen
	Strchr
	Strchrnul
	Strcmp
	Strncmp
	Strcpy
	Stpcpy

	// Those of Go's runtime, with arguments as in its ABIInternal.
	Memclr   // clears memory: address, size
	Memequal // whether memory is equal, 1 or 0: addresses, size
	Index    // the position of a byte or -1: address, size, byte
	Cmpmem   // -1, 0 or 1: address and size of one, address and size of the other

	// Those of the vdso, which do what the system calls of these names do.
	ClockGettime
	ClockGetres
	Gettimeofday
	Getcpu
	NumFunctions
)

var functionNames = [NumFunctions]string{
	"", "memcpy", "memmove", "mempcpy", "memset", "memcmp", "memchr", "rawmemchr", "strlen", "strnlen", "strchr", "strchrnul",
	"strcmp", "strncmp", "strcpy", "stpcpy",
	"memclr", "memequal", "indexbyte", "cmpbody",
	"clock_gettime", "clock_getres", "gettimeofday", "getcpu",
}

// OfVDSO reports whether the function is one of the vdso's, for which the host's vdso can stand.
func (f Function) OfVDSO() bool { return f >= ClockGettime && f < NumFunctions }

// String is the function's name in C, or in Go's runtime.
func (f Function) String() string { return functionNames[f] }
