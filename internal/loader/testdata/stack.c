/* Freestanding program that prints what it finds on its stack and in its
   memory. Compiled with -DLDSO it is an interpreter that looks at its own
   load address, then starts the program. */

#pragma GCC visibility push(hidden) /* nobody would apply relocations */

typedef unsigned long u64;

static u64 call(u64 nr, u64 x, u64 y, u64 z)
{
	register u64 a0 __asm__("a0") = x, a1 __asm__("a1") = y, a2 __asm__("a2") = z, a7 __asm__("a7") = nr;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return a0;
}

static void put(const char *s)
{
	u64 n = 0;
	while (s[n])
		n++;
	call(64, 1, (u64)s, n);
}

static void line(const char *what, const char *value)
{
	put(what);
	put(value);
	put("\n");
}

static void check(const char *what, int ok)
{
	line(what, ok ? ": ok" : ": WRONG");
}

extern char __ehdr_start[];
void _start(void);

char data[5000] = "data";
char bss[100000];

static int zero(const char *p, u64 n)
{
	while (n--)
		if (*p++)
			return 0;
	return 1;
}

__attribute__((used)) u64 start(u64 *sp)
{
	char **argv = (char **)(sp + 1), **env = argv + sp[0] + 1, **e = env;
	static u64 aux[64];
	u64 *av;

	while (*e)
		e++;
	for (av = (u64 *)(e + 1); av[0]; av += 2)
		if (av[0] < 64)
			aux[av[0]] = av[1];
#ifdef LDSO
	check("AT_BASE", aux[7] == (u64)__ehdr_start);
	check("interpreter data", data[3] == 'a' && zero(data + 4, sizeof data - 4) && zero(bss, sizeof bss));
	return aux[9]; /* AT_ENTRY */
#else
	check("sp", (u64)sp % 16 == 0);
	check("argc", !argv[sp[0]]);
	for (int i = 0; argv[i]; i++)
		line("argument ", argv[i]);
	for (int i = 0; env[i]; i++)
		line("environment ", env[i]);
	line("file ", (char *)aux[31]);
	check("AT_ENTRY", aux[9] == (u64)_start);
	check("AT_PHDR", aux[3] == (u64)__ehdr_start + 64 && aux[4] == 56 && aux[5] == *(unsigned short *)(__ehdr_start + 56));
	check("AT_SYSINFO_EHDR", *(unsigned *)aux[33] == 0x464c457f);
	check("AT_RANDOM", ((char *)aux[25])[15] == 'f');
	check("data", data[3] == 'a' && zero(data + 4, sizeof data - 4));
	check("bss", zero(bss, sizeof bss));
	bss[0] = bss[sizeof bss - 1] = data[4999] = 1;
	check("write", bss[0] && bss[sizeof bss - 1] && data[4999]);
	call(94, 42, 0, 0);
	return 0;
#endif
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mv	s0, sp\n"
	"	mv	a0, sp\n"
	"	call	start\n"
	"	mv	sp, s0\n"
	"	jr	a0\n");
