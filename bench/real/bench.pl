# Hashes, regular expressions, sorting, strings, subroutines.
use strict;
use warnings;

my ($seed, @words) = (1);
for (1 .. 150000) {
    $seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
    push @words, sprintf("w%x", $seed % 5000);
}
my $text = join ' ', @words;
my %count;
$count{$1}++ while $text =~ /\b(w[0-9a-f]+)\b/g;
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $changed = $text =~ s/w(\d+)([a-f]?)/"<" . ($1 + 1) . uc($2) . ">"/ger;
sub ack { my ($m, $n) = @_; return $n + 1 unless $m; return ack($m - 1, $n ? ack($m, $n - 1) : 1) }
no warnings 'recursion';
my $sum = 0;
for my $i (1 .. 2000000) { $sum += ($i * $i) % 7 + ($i & 3) }
print scalar(@top), " $top[0] $count{$top[0]} ", length($changed), " $sum ", ack(2, 90), "\n";
