// Integer work of mixed kinds, for BenchmarkInteger. Position independent, entered
// at its start; a0 is the number of rounds. Built by
//
//	riscv64-linux-gnu-gcc -O2 -march=rv64gc -mabi=lp64d -nostdlib -static -fno-builtin \
//	    -fno-stack-protector -ffreestanding -Wl,--build-id=none,-Ttext=0x10000,-N,--no-relax,--no-warn-rwx-segments integer.c -o integer.elf
//	riscv64-linux-gnu-objcopy -O binary integer.elf integer.bin

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

struct node {
	struct node *next;
	u64 key;
	u32 kind, count;
};

static struct node nodes[64];
static u8 text[256], copy[256];
static int grid[16][16];
static u64 rounds(u64 n);

__attribute__((naked, section(".text.unlikely"))) void _start(void)
{
	asm("call entry\n\tecall");
}

__attribute__((used)) u64 entry(u64 n) { return rounds(n); }

static __attribute__((noinline)) u64 scan(u64 seed)
{
	for (int i = 0; i < 255; i++)
		text[i] = 'a' + (seed + i * 7) % 26;
	text[255] = 0;
	u64 i = 0;
	while ((copy[i] = text[i]))
		i++;
	u32 hash = 2166136261u;
	for (u8 *p = copy; *p; p++)
		hash = (hash ^ *p) * 16777619u;
	return hash;
}

static __attribute__((noinline)) int compare(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

static __attribute__((noinline)) u64 list(u64 seed)
{
	struct node *head = 0;
	for (int i = 0; i < 64; i++) {
		struct node *n = &nodes[i];
		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		n->key = seed >> 33;
		n->kind = n->key & 3;
		struct node **p = &head;
		while (*p && compare(*p, n) < 0)
			p = &(*p)->next;
		n->next = *p;
		*p = n;
	}
	u64 sum = 0;
	for (struct node *n = head; n; n = n->next)
		sum = sum * 31 + n->key;
	return sum;
}

static __attribute__((noinline)) u64 machine(u64 seed)
{
	u64 acc = seed;
	for (int i = 0; i < 200; i++) {
		switch ((acc >> 5) % 7) {
		case 0: acc += i; break;
		case 1: acc ^= acc << 3; break;
		case 2: acc -= i * 3; break;
		case 3: acc ^= acc >> 7; break;
		case 4: acc = (u32)acc * 5 + 1; break;
		case 5: acc = ~acc; break;
		default: acc += acc << 2; break;
		}
	}
	return acc;
}

static __attribute__((noinline)) u64 life(void)
{
	u64 sum = 0;
	for (int y = 1; y < 15; y++)
		for (int x = 1; x < 15; x++) {
			int v = grid[y - 1][x] + grid[y + 1][x] + grid[y][x - 1] + grid[y][x + 1];
			grid[y][x] = (v * 3 + x + y) & 0xff;
			sum += grid[y][x];
		}
	return sum;
}

static u64 rounds(u64 n)
{
	u64 sum = 0;
	for (u64 i = 0; i < n; i++)
		sum = (sum ^ scan(i)) + list(sum) + machine(sum) + life();
	return sum;
}
