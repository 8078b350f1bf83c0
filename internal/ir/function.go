package ir

// Function is a library function that the translator has code of its own for. Arguments and
// results are as the guest's calling convention has them.
type Function uint8

// The functions, which do what the C standard, or POSIX or GNU where it knows none, says of
// those of the same name. Results that are only said to be less or greater than zero are
// differences of bytes. Where operands overlap that must not, they are copied as by Memmove.
const (
	NoFunction Function = iota
	Memmove             // and memcpy
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
	NumFunctions
)

var functionNames = [NumFunctions]string{
	"", "memmove", "mempcpy", "memset", "memcmp", "memchr", "rawmemchr", "strlen", "strnlen", "strchr", "strchrnul",
	"strcmp", "strncmp", "strcpy", "stpcpy",
}

// String is the function's name in C.
func (f Function) String() string { return functionNames[f] }
