# The shell's own work: arithmetic, arrays, expansions, functions. No processes.
declare -A count
step() { local n=$1; ((n % 2)) && n=$((n * 3 + 1)) || n=$((n / 2)); result=$n; }
n=27 sum=0
for ((i = 0; i < 20000; i++)); do
	step $n
	n=$result
	((n == 1)) && n=$((i + 27))
	key=k$((n % 50))
	count[$key]=$((${count[$key]-0} + 1))
	word=${key/k/word-}
	[[ $word == *-1* ]] && sum=$((sum + ${#word}))
done
echo "$sum ${#count[@]} $n"
