/* For programs that are embedded by the Go package hospes: see docs/embedding.md. */
#ifndef HOSPES_H
#define HOSPES_H

#ifndef __riscv
#error "hospes.h is for RISC-V guests"
#endif

/*
 * HOSPES_IMPORT(result, name, arguments...) declares a function that the host has: a Go function, in
 * Options.Functions under that name. Up to 7 arguments may be integers or pointers, up to 8 float or double:
 *
 *	HOSPES_IMPORT(double, price, const char *item, int count);
 *
 * The stub calls the host with the address of the name in t0. The names are in a section of their own, so that the
 * host knows what a program needs.
 */
#define HOSPES_IMPORT(result, name, ...)                                  \
	result name(__VA_ARGS__);                                         \
	__asm__(".pushsection hospes_imports,\"a\",@progbits\n"           \
		".Lhospes_" #name ": .asciz \"" #name "\"\n"              \
		".popsection\n"                                           \
		".pushsection .text.hospes_" #name ",\"ax\",@progbits\n"  \
		".weak " #name "\n"                                       \
		".type " #name ", @function\n"                            \
		#name ":\n"                                               \
		"	lla t0, .Lhospes_" #name "\n"                     \
		"	li a7, 0x686f7370\n"                              \
		"	ecall\n"                                          \
		"	ret\n"                                            \
		".size " #name ", . - " #name "\n"                        \
		".popsection\n")

/*
 * hospes_wait lets the host go on, from Instance.Start. Until it runs the program again, by another Start or by Run, it can call
 * functions. Only the first thread can wait; for others, and in a function that the host has called, it does nothing and returns a
 * negative number.
 */
static inline long hospes_wait(void)
{
	register long a7 __asm__("a7") = 0x686f7371;
	register long a0 __asm__("a0");
	__asm__ volatile("ecall" : "=r"(a0) : "r"(a7) : "memory");
	return a0;
}

#endif
