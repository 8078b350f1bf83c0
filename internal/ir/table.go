package ir

// The operations, named as in the meanings of instructions (package isa).
const (
	noOp Op = iota
	Const
	Inst
	GetX
	SetX
	GetF
	SetF
	GetFlags
	SetFlags
	GetRound
	Add
	Mul
	And
	Or
	Xor
	Sub
	Neg
	Not
	Eq
	Ne
	Lts
	Ltu
	NotB
	ZextB
	Choose
	Sext8
	Sext16
	Sext32
	Zext8
	Zext16
	Zext32
	Sll
	Srl
	Sra
	Rol
	Ror
	Sll32
	Srl32
	Sra32
	Rol32
	Ror32
	MulhSs
	MulhSu
	MulhUu
	DivS
	DivU
	RemS
	RemU
	DivS32
	DivU32
	RemS32
	RemU32
	Clz
	Ctz
	Cpop
	Clz32
	Ctz32
	Rev8
	OrcB
	LoadS8
	LoadU8
	LoadS16
	LoadU16
	LoadS32
	LoadU32
	Load64
	Store8
	Store16
	Store32
	Store64
	Lr32
	Lr64
	Sc32
	Sc64
	AmoSwap8
	AmoSwap16
	AmoSwap32
	AmoSwap64
	AmoAdd8
	AmoAdd16
	AmoAdd32
	AmoAdd64
	AmoAnd8
	AmoAnd16
	AmoAnd32
	AmoAnd64
	AmoOr8
	AmoOr16
	AmoOr32
	AmoOr64
	AmoXor8
	AmoXor16
	AmoXor32
	AmoXor64
	AmoMinS8
	AmoMinS16
	AmoMinS32
	AmoMinS64
	AmoMaxS8
	AmoMaxS16
	AmoMaxS32
	AmoMaxS64
	AmoMinU8
	AmoMinU16
	AmoMinU32
	AmoMinU64
	AmoMaxU8
	AmoMaxU16
	AmoMaxU32
	AmoMaxU64
	AmoCas8
	AmoCas16
	AmoCas32
	AmoCas64
	Fence
	Pause
	Bits
	Float
	Lo32
	Lo16
	S
	H
	BoxS
	BoxH
	FnegS
	FsgnjS
	FsgnjnS
	FsgnjxS
	FaddS
	FsubS
	FmulS
	FdivS
	FmaS
	FsqrtS
	FroundS
	FroundnxS
	FminS
	FmaxS
	FminmS
	FmaxmS
	FeqS
	FltS
	FleS
	FltqS
	FleqS
	FclassS
	FliS
	FnegD
	FsgnjD
	FsgnjnD
	FsgnjxD
	FaddD
	FsubD
	FmulD
	FdivD
	FmaD
	FsqrtD
	FroundD
	FroundnxD
	FminD
	FmaxD
	FminmD
	FmaxmD
	FeqD
	FltD
	FleD
	FltqD
	FleqD
	FclassD
	FliD
	F32ToI32
	I32ToF32
	F32ToU32
	U32ToF32
	F32ToI64
	I64ToF32
	F32ToU64
	U64ToF32
	F64ToI32
	I32ToF64
	F64ToU32
	U32ToF64
	F64ToI64
	I64ToF64
	F64ToU64
	U64ToF64
	F32ToF64
	F64ToF32
	F16ToF32
	F16ToF64
	F32ToF16
	F64ToF16
	FcvtmodI32
	InterpIf
	WantWindow
	WantBoxed
	WantNarrow
	ExitIf
	Goto
	CallTo
	Jump
	JumpSame // mostly to the same place
	Call
	Ret
	Ecall
	Interp
	numOps
)

// table has a row for each operation.
var table = [numOps]Info{

	// The state. The immediate of const is the value; that of inst the guest address of the
	// instruction that begins here; that of the others the number of a register.
	Const: {Name: "const", Result: I64, Props: Pure | HasImm},
	Inst:  {Name: "inst", Props: HasImm},
	GetX:  {Name: "getx", Result: I64, Props: HasImm},
	SetX:  {Name: "setx", Args: []Type{I64}, Props: HasImm},
	GetF:  {Name: "getf", Result: F64, Props: HasImm},
	SetF:  {Name: "setf", Args: []Type{F64}, Props: HasImm},
	// The floating-point exception flags, as softfloat.Flags has them; setflags takes the
	// low five bits. The rounding mode is the same in all of a trace.
	GetFlags: {Name: "getflags", Result: I64},
	SetFlags: {Name: "setflags", Args: []Type{I64}},
	GetRound: {Name: "getround", Result: I64},

	// Integers.
	Add:    {Name: "add", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	Mul:    {Name: "mul", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	And:    {Name: "and", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	Or:     {Name: "or", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	Xor:    {Name: "xor", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	Sub:    {Name: "sub", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Neg:    {Name: "neg", Args: []Type{I64}, Result: I64, Props: Pure},
	Not:    {Name: "not", Args: []Type{I64}, Result: I64, Props: Pure},
	Eq:     {Name: "eq", Args: []Type{I64, I64}, Result: Bool, Props: Pure | Commutes},
	Ne:     {Name: "ne", Args: []Type{I64, I64}, Result: Bool, Props: Pure | Commutes},
	Lts:    {Name: "lts", Args: []Type{I64, I64}, Result: Bool, Props: Pure},
	Ltu:    {Name: "ltu", Args: []Type{I64, I64}, Result: Bool, Props: Pure},
	NotB:   {Name: "notb", Args: []Type{Bool}, Result: Bool, Props: Pure},
	ZextB:  {Name: "zextb", Args: []Type{Bool}, Result: I64, Props: Pure},
	Choose: {Name: "choose", Args: []Type{Bool, I64, I64}, Result: I64, Props: Pure},
	Sext8:  {Name: "sext8", Args: []Type{I64}, Result: I64, Props: Pure},
	Sext16: {Name: "sext16", Args: []Type{I64}, Result: I64, Props: Pure},
	Sext32: {Name: "sext32", Args: []Type{I64}, Result: I64, Props: Pure},
	Zext8:  {Name: "zext8", Args: []Type{I64}, Result: I64, Props: Pure},
	Zext16: {Name: "zext16", Args: []Type{I64}, Result: I64, Props: Pure},
	Zext32: {Name: "zext32", Args: []Type{I64}, Result: I64, Props: Pure},
	Sll:    {Name: "sll", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Srl:    {Name: "srl", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Sra:    {Name: "sra", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Rol:    {Name: "rol", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Ror:    {Name: "ror", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Sll32:  {Name: "sll32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Srl32:  {Name: "srl32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Sra32:  {Name: "sra32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Rol32:  {Name: "rol32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Ror32:  {Name: "ror32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	MulhSs: {Name: "mulh_ss", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	MulhSu: {Name: "mulh_su", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	MulhUu: {Name: "mulh_uu", Args: []Type{I64, I64}, Result: I64, Props: Pure | Commutes},
	DivS:   {Name: "div_s", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	DivU:   {Name: "div_u", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	RemS:   {Name: "rem_s", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	RemU:   {Name: "rem_u", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	DivS32: {Name: "div_s32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	DivU32: {Name: "div_u32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	RemS32: {Name: "rem_s32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	RemU32: {Name: "rem_u32", Args: []Type{I64, I64}, Result: I64, Props: Pure},
	Clz:    {Name: "clz", Args: []Type{I64}, Result: I64, Props: Pure},
	Ctz:    {Name: "ctz", Args: []Type{I64}, Result: I64, Props: Pure},
	Cpop:   {Name: "cpop", Args: []Type{I64}, Result: I64, Props: Pure},
	Clz32:  {Name: "clz32", Args: []Type{I64}, Result: I64, Props: Pure},
	Ctz32:  {Name: "ctz32", Args: []Type{I64}, Result: I64, Props: Pure},
	Rev8:   {Name: "rev8", Args: []Type{I64}, Result: I64, Props: Pure},
	OrcB:   {Name: "orc_b", Args: []Type{I64}, Result: I64, Props: Pure},

	// Memory: any alignment; loads extend.
	LoadS8:  {Name: "load_s8", Args: []Type{I64}, Result: I64, Props: Reads, Size: 1, Signed: true},
	LoadU8:  {Name: "load_u8", Args: []Type{I64}, Result: I64, Props: Reads, Size: 1},
	LoadS16: {Name: "load_s16", Args: []Type{I64}, Result: I64, Props: Reads, Size: 2, Signed: true},
	LoadU16: {Name: "load_u16", Args: []Type{I64}, Result: I64, Props: Reads, Size: 2},
	LoadS32: {Name: "load_s32", Args: []Type{I64}, Result: I64, Props: Reads, Size: 4, Signed: true},
	LoadU32: {Name: "load_u32", Args: []Type{I64}, Result: I64, Props: Reads, Size: 4},
	Load64:  {Name: "load_64", Args: []Type{I64}, Result: I64, Props: Reads, Size: 8},
	Store8:  {Name: "store_8", Args: []Type{I64, I64}, Props: Writes, Size: 1},
	Store16: {Name: "store_16", Args: []Type{I64, I64}, Props: Writes, Size: 2},
	Store32: {Name: "store_32", Args: []Type{I64, I64}, Props: Writes, Size: 4},
	Store64: {Name: "store_64", Args: []Type{I64, I64}, Props: Writes, Size: 8},

	// Atomic: (address, value), the old value sign-extended; cas is (address, expected,
	// new). They fault unless aligned, as the guest's instructions do.
	Lr32:      {Name: "lr_32", Args: []Type{I64}, Result: I64, Props: Reads | Atomic, Size: 4, Signed: true},
	Lr64:      {Name: "lr_64", Args: []Type{I64}, Result: I64, Props: Reads | Atomic, Size: 8},
	Sc32:      {Name: "sc_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4},
	Sc64:      {Name: "sc_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoSwap8:  {Name: "amo_swap_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoSwap16: {Name: "amo_swap_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoSwap32: {Name: "amo_swap_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoSwap64: {Name: "amo_swap_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoAdd8:   {Name: "amo_add_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoAdd16:  {Name: "amo_add_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoAdd32:  {Name: "amo_add_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoAdd64:  {Name: "amo_add_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoAnd8:   {Name: "amo_and_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoAnd16:  {Name: "amo_and_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoAnd32:  {Name: "amo_and_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoAnd64:  {Name: "amo_and_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoOr8:    {Name: "amo_or_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoOr16:   {Name: "amo_or_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoOr32:   {Name: "amo_or_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoOr64:   {Name: "amo_or_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoXor8:   {Name: "amo_xor_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoXor16:  {Name: "amo_xor_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoXor32:  {Name: "amo_xor_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoXor64:  {Name: "amo_xor_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoMinS8:  {Name: "amo_min_s_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoMinS16: {Name: "amo_min_s_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoMinS32: {Name: "amo_min_s_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoMinS64: {Name: "amo_min_s_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoMaxS8:  {Name: "amo_max_s_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoMaxS16: {Name: "amo_max_s_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoMaxS32: {Name: "amo_max_s_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoMaxS64: {Name: "amo_max_s_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoMinU8:  {Name: "amo_min_u_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoMinU16: {Name: "amo_min_u_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoMinU32: {Name: "amo_min_u_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoMinU64: {Name: "amo_min_u_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoMaxU8:  {Name: "amo_max_u_8", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoMaxU16: {Name: "amo_max_u_16", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoMaxU32: {Name: "amo_max_u_32", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoMaxU64: {Name: "amo_max_u_64", Args: []Type{I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},
	AmoCas8:   {Name: "amo_cas_8", Args: []Type{I64, I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 1, Signed: true},
	AmoCas16:  {Name: "amo_cas_16", Args: []Type{I64, I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 2, Signed: true},
	AmoCas32:  {Name: "amo_cas_32", Args: []Type{I64, I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 4, Signed: true},
	AmoCas64:  {Name: "amo_cas_64", Args: []Type{I64, I64, I64}, Result: I64, Props: Reads | Writes | Atomic, Size: 8},

	// fence orders memory as the immediate says: fm, pred and succ of the instruction.
	Fence: {Name: "fence", Props: HasImm},
	Pause: {Name: "pause"},

	// Floating point. bits and float change the register file; s and h read a NaN-boxed
	// binary32 and binary16, box_s and box_h make one.
	Bits:       {Name: "bits", Args: []Type{F64}, Result: I64, Props: Pure},
	Float:      {Name: "float", Args: []Type{I64}, Result: F64, Props: Pure},
	Lo32:       {Name: "lo32", Args: []Type{I64}, Result: F32, Props: Pure},
	Lo16:       {Name: "lo16", Args: []Type{I64}, Result: F16, Props: Pure},
	S:          {Name: "s", Args: []Type{F64}, Result: F32, Props: Pure | Rare},
	H:          {Name: "h", Args: []Type{F64}, Result: F16, Props: Pure | Rare},
	BoxH:       {Name: "box_h", Args: []Type{F16}, Result: F64, Props: Pure},
	BoxS:       {Name: "box_s", Args: []Type{F32}, Result: F64, Props: Pure},
	FnegS:      {Name: "fneg_s", Args: []Type{F32}, Result: F32, Props: Pure},
	FsgnjS:     {Name: "fsgnj_s", Args: []Type{F32, F32}, Result: F32, Props: Pure},
	FsgnjnS:    {Name: "fsgnjn_s", Args: []Type{F32, F32}, Result: F32, Props: Pure},
	FsgnjxS:    {Name: "fsgnjx_s", Args: []Type{F32, F32}, Result: F32, Props: Pure},
	FaddS:      {Name: "fadd_s", Args: []Type{F32, F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FsubS:      {Name: "fsub_s", Args: []Type{F32, F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FmulS:      {Name: "fmul_s", Args: []Type{F32, F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FdivS:      {Name: "fdiv_s", Args: []Type{F32, F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FmaS:       {Name: "fma_s", Args: []Type{F32, F32, F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FsqrtS:     {Name: "fsqrt_s", Args: []Type{F32}, Result: F32, Props: Rounds | Flags | HasImm},
	FroundS:    {Name: "fround_s", Args: []Type{F32}, Result: F32, Props: Rounds | Flags | HasImm | Rare},
	FroundnxS:  {Name: "froundnx_s", Args: []Type{F32}, Result: F32, Props: Rounds | Flags | HasImm | Rare},
	FminS:      {Name: "fmin_s", Args: []Type{F32, F32}, Result: F32, Props: Flags},
	FmaxS:      {Name: "fmax_s", Args: []Type{F32, F32}, Result: F32, Props: Flags},
	FminmS:     {Name: "fminm_s", Args: []Type{F32, F32}, Result: F32, Props: Flags},
	FmaxmS:     {Name: "fmaxm_s", Args: []Type{F32, F32}, Result: F32, Props: Flags},
	FeqS:       {Name: "feq_s", Args: []Type{F32, F32}, Result: Bool, Props: Flags},
	FltS:       {Name: "flt_s", Args: []Type{F32, F32}, Result: Bool, Props: Flags},
	FleS:       {Name: "fle_s", Args: []Type{F32, F32}, Result: Bool, Props: Flags},
	FltqS:      {Name: "fltq_s", Args: []Type{F32, F32}, Result: Bool, Props: Flags},
	FleqS:      {Name: "fleq_s", Args: []Type{F32, F32}, Result: Bool, Props: Flags},
	FclassS:    {Name: "fclass_s", Args: []Type{F32}, Result: I64, Props: Pure},
	FliS:       {Name: "fli_s", Result: F32, Props: Pure | HasImm},
	FnegD:      {Name: "fneg_d", Args: []Type{F64}, Result: F64, Props: Pure},
	FsgnjD:     {Name: "fsgnj_d", Args: []Type{F64, F64}, Result: F64, Props: Pure},
	FsgnjnD:    {Name: "fsgnjn_d", Args: []Type{F64, F64}, Result: F64, Props: Pure},
	FsgnjxD:    {Name: "fsgnjx_d", Args: []Type{F64, F64}, Result: F64, Props: Pure},
	FaddD:      {Name: "fadd_d", Args: []Type{F64, F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FsubD:      {Name: "fsub_d", Args: []Type{F64, F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FmulD:      {Name: "fmul_d", Args: []Type{F64, F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FdivD:      {Name: "fdiv_d", Args: []Type{F64, F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FmaD:       {Name: "fma_d", Args: []Type{F64, F64, F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FsqrtD:     {Name: "fsqrt_d", Args: []Type{F64}, Result: F64, Props: Rounds | Flags | HasImm},
	FroundD:    {Name: "fround_d", Args: []Type{F64}, Result: F64, Props: Rounds | Flags | HasImm | Rare},
	FroundnxD:  {Name: "froundnx_d", Args: []Type{F64}, Result: F64, Props: Rounds | Flags | HasImm | Rare},
	FminD:      {Name: "fmin_d", Args: []Type{F64, F64}, Result: F64, Props: Flags},
	FmaxD:      {Name: "fmax_d", Args: []Type{F64, F64}, Result: F64, Props: Flags},
	FminmD:     {Name: "fminm_d", Args: []Type{F64, F64}, Result: F64, Props: Flags},
	FmaxmD:     {Name: "fmaxm_d", Args: []Type{F64, F64}, Result: F64, Props: Flags},
	FeqD:       {Name: "feq_d", Args: []Type{F64, F64}, Result: Bool, Props: Flags},
	FltD:       {Name: "flt_d", Args: []Type{F64, F64}, Result: Bool, Props: Flags},
	FleD:       {Name: "fle_d", Args: []Type{F64, F64}, Result: Bool, Props: Flags},
	FltqD:      {Name: "fltq_d", Args: []Type{F64, F64}, Result: Bool, Props: Flags},
	FleqD:      {Name: "fleq_d", Args: []Type{F64, F64}, Result: Bool, Props: Flags},
	FclassD:    {Name: "fclass_d", Args: []Type{F64}, Result: I64, Props: Pure},
	FliD:       {Name: "fli_d", Result: F64, Props: Pure | HasImm},
	F32ToI32:   {Name: "f32_to_i32", Args: []Type{F32}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	I32ToF32:   {Name: "i32_to_f32", Args: []Type{I64}, Result: F32, Props: Rounds | Flags | HasImm},
	F32ToU32:   {Name: "f32_to_u32", Args: []Type{F32}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	U32ToF32:   {Name: "u32_to_f32", Args: []Type{I64}, Result: F32, Props: Rounds | Flags | HasImm},
	F32ToI64:   {Name: "f32_to_i64", Args: []Type{F32}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	I64ToF32:   {Name: "i64_to_f32", Args: []Type{I64}, Result: F32, Props: Rounds | Flags | HasImm},
	F32ToU64:   {Name: "f32_to_u64", Args: []Type{F32}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	U64ToF32:   {Name: "u64_to_f32", Args: []Type{I64}, Result: F32, Props: Rounds | Flags | HasImm},
	F64ToI32:   {Name: "f64_to_i32", Args: []Type{F64}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	I32ToF64:   {Name: "i32_to_f64", Args: []Type{I64}, Result: F64, Props: Rounds | Flags | HasImm},
	F64ToU32:   {Name: "f64_to_u32", Args: []Type{F64}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	U32ToF64:   {Name: "u32_to_f64", Args: []Type{I64}, Result: F64, Props: Rounds | Flags | HasImm},
	F64ToI64:   {Name: "f64_to_i64", Args: []Type{F64}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	I64ToF64:   {Name: "i64_to_f64", Args: []Type{I64}, Result: F64, Props: Rounds | Flags | HasImm},
	F64ToU64:   {Name: "f64_to_u64", Args: []Type{F64}, Result: I64, Props: Rounds | Flags | HasImm | Rare},
	U64ToF64:   {Name: "u64_to_f64", Args: []Type{I64}, Result: F64, Props: Rounds | Flags | HasImm},
	F32ToF64:   {Name: "f32_to_f64", Args: []Type{F32}, Result: F64, Props: Rounds | Flags | HasImm},
	F64ToF32:   {Name: "f64_to_f32", Args: []Type{F64}, Result: F32, Props: Rounds | Flags | HasImm},
	F16ToF32:   {Name: "f16_to_f32", Args: []Type{F16}, Result: F32, Props: Rounds | Flags | HasImm},
	F16ToF64:   {Name: "f16_to_f64", Args: []Type{F16}, Result: F64, Props: Rounds | Flags | HasImm},
	F32ToF16:   {Name: "f32_to_f16", Args: []Type{F32}, Result: F16, Props: Rounds | Flags | HasImm},
	F64ToF16:   {Name: "f64_to_f16", Args: []Type{F64}, Result: F16, Props: Rounds | Flags | HasImm},
	FcvtmodI32: {Name: "fcvtmod_i32", Args: []Type{F64}, Result: I64, Props: Flags | Rare},

	// Exits; the immediate is the guest address to go on at. exitif leaves the trace if
	// its argument holds. jump goes on at a computed address: call and ret say that it
	// is a call or a return, for prediction, and the immediate of call is where the
	// return leads. interp has the interpreter execute the instruction at its address,
	// interpif does so if its argument holds: before any effect of the instruction, whose
	// address its immediate is.
	InterpIf: {Name: "interpif", Args: []Type{Bool}, Props: Exits | HasImm},
	// What is wanted is that an address lies in the window of guest memory, that a register
	// holds a NaN-boxed binary32, or one the sign extension of its lower half: what relies on it comes next. Anything else is left to the
	// interpreter, as by interpif, by host code; to have it is no part of the meaning.
	WantWindow: {Name: "want_window", Args: []Type{I64}, Props: Exits},
	WantBoxed:  {Name: "want_boxed", Args: []Type{F64}, Props: Exits},
	WantNarrow: {Name: "want_narrow", Args: []Type{I64}, Props: Exits},
	ExitIf:     {Name: "exitif", Args: []Type{Bool}, Props: Exits | HasImm},
	Goto:       {Name: "goto", Props: Ends | HasImm},
	CallTo:     {Name: "callto", Args: []Type{I64}, Props: Ends | HasImm},
	// Bit 0 of the address does not count.
	Jump:     {Name: "jump", Args: []Type{I64}, Props: Ends},
	JumpSame: {Name: "jumpsame", Args: []Type{I64}, Props: Ends},
	Call:     {Name: "call", Args: []Type{I64}, Props: Ends | HasImm},
	Ret:      {Name: "ret", Args: []Type{I64}, Props: Ends},
	Ecall:    {Name: "ecall", Props: Ends | HasImm},
	Interp:   {Name: "interp", Props: Ends | HasImm},
}
