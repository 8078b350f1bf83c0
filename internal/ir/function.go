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

	// Those of libgcc, which compilers call where the instruction set lacks an instruction. They are Pure.
	Clzdi2      // leading zeros, 64 for 0
	Ctzdi2      // trailing zeros, -1 for 0
	Ffsdi2      // the place of the lowest bit that is set, from 1 on, 0 for 0
	Clrsbdi2    // bits below the highest that are equal to it
	Popcountdi2 // bits that are set
	Paritydi2   // the lowest bit of that
	Bswapsi2    // a word with its bytes in reverse, sign-extended
	Bswapdi2    // a doubleword with its bytes in reverse

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
	"clzdi2", "ctzdi2", "ffsdi2", "clrsbdi2", "popcountdi2", "paritydi2", "bswapsi2", "bswapdi2",
	"clock_gettime", "clock_getres", "gettimeofday", "getcpu",
}

// OfVDSO reports whether the function is one of the vdso's, for which the host's vdso can stand.
func (f Function) OfVDSO() bool { return f >= ClockGettime && f < NumFunctions }

// Pure reports whether the function computes its result from its argument, and does nothing else.
func (f Function) Pure() bool { return f >= Clzdi2 && f <= Bswapdi2 }

// String is the function's name in C, or in Go's runtime.
func (f Function) String() string { return functionNames[f] }
