# Draws one figure: `data` has a line of names and then x and a column for each curve, which
# is drawn in the style of that number in `styles`; `name` says which figure it is, and `figure` is the
# file to draw it into.

set terminal svg size 720,400 dynamic font "sans-serif,13" background "white"
set output figure
set datafile separator "\t"
set datafile missing "NaN"
set border 3 lc rgb "#666666"
set tics nomirror out
set grid ytics lc rgb "#dddddd" lt 1
set key outside right top Left reverse samplen 2
set logscale xy
set format x "%.0s%c"
set format y "%.0s%c"
# Colours that people of any colour vision tell apart (Okabe and Ito, the last darker).
set linetype 1 lc rgb "#0072b2" lw 2 pt 7 ps 0.6
set linetype 2 lc rgb "#d55e00" lw 2 pt 5 ps 0.6
set linetype 3 lc rgb "#009e73" lw 2 pt 9 ps 0.7
set linetype 4 lc rgb "#cc79a7" lw 2 pt 11 ps 0.7
set linetype 5 lc rgb "#e69f00" lw 2 pt 13 ps 0.7
set linetype 6 lc rgb "#56b4e9" lw 2 pt 4 ps 0.7
set linetype 7 lc rgb "#000000" lw 2 pt 6 ps 0.7
set linetype 8 lc rgb "#b8a800" lw 2 pt 8 ps 0.7

if (name eq "throughput" || name eq "durable") {
  set logscale x 2
  set format x "%.0f"
  set xlabel "requests in flight on each of 50 connections"
  set ylabel "requests a second"
}
if (name[1:7] eq "latency") {
  set xlabel "requests offered a second"
  set ylabel (name eq "latency_p50" ? "median" : name eq "latency_p99" ? "99th percentile" : "99.9th percentile") \
    ." of the latency, microseconds"
}
if (name eq "cost") {
  set xrange [1000:]
  set xlabel "peers"
  set ylabel "server's processor time a request, nanoseconds"
}
if (name eq "memory") {
  set xrange [1000:]
  set xlabel "peers"
  set ylabel "memory a peer, bytes"
  set yrange [10:]
}

plot for [i = 1:words(styles)] data using 1:i + 1 with linespoints lt int(word(styles, i)) \
  title columnheader(i + 1)
