/* All functions of libgcc that are known: gcc -nostdlib -static -Wl,-e,main bits.c libgcc.a */
#define F(x) extern void x(void);
#define ALL F(__clzdi2) F(__ctzdi2) F(__ffsdi2) F(__clrsbdi2) F(__popcountdi2) F(__paritydi2) F(__bswapsi2) F(__bswapdi2)
ALL
#undef F
#define F(x) x,
void (*volatile table[])(void) = {ALL};
int main(void) { return table[0] == 0; }
