# scripts/plot-autosize.gp: draws the record of scripts/plot-autosize; wants data and out.
# Columns: s, memory.max, memory.high, memory.current (MiB), stalled %, quota, used (CPUs), throttled %
set terminal svg size 900,760 dynamic font "Helvetica,Arial,sans-serif,13" background "#ffffff" linewidth 1.2
set output out
set datafile separator "\t"
set datafile missing "nan"
set border 3 lc rgb "#555555"
set tics nomirror out tc rgb "#333333"
set grid ytics lc rgb "#dddddd" lw 0.7
set lmargin 11
set rmargin 10
set key top right horizontal reverse Left samplen 2 width 1 tc rgb "#222222"
set xrange [0:*] noextend
set style fill solid 0.25 noborder
stats data using 1 nooutput
seconds = STATS_max
stats data using 2 nooutput
top_memory = STATS_max * 1.18
stats data using 6 nooutput
top_cpu = STATS_max * 1.25
stats data using 5 nooutput
top_stall = STATS_max > 10 ? 125 : 12.5
set xrange [0:seconds]

set multiplot title "stiva autosize --memory 128M..1G --cpus 0.25..2: limits that follow the load" \
	font ",15" tc rgb "#111111"

set style arrow 1 nohead lc rgb "#999999" lw 1 dt 3
# where the load changes
set arrow from 10, graph 0 to 10, graph 1 as 1
set arrow from 50, graph 0 to 50, graph 1 as 1

set size 1,0.44; set origin 0,0.50
set format x ""
set ylabel "memory, MiB" tc rgb "#333333"
set yrange [0:top_memory]
set label 1 "idle" at 4, graph 1.04 center tc rgb "#555555"
set label 2 "burst and plateau: 500 MiB, 1 busy task" at 30, graph 1.04 center tc rgb "#555555"
set label 3 "calm: 60 MiB" at (50 + seconds) / 2, graph 1.04 center tc rgb "#555555"
plot data using 1:4 with filledcurves y1=0 lc rgb "#4477aa" title "used", \
	data using 1:3 with steps lc rgb "#cc7711" lw 1.3 dt 2 title "memory.high", \
	data using 1:2 with steps lc rgb "#aa3344" lw 2 title "limit (memory.max)"
unset label 1; unset label 2; unset label 3

set size 1,0.18; set origin 0,0.33
set ylabel "stalled, %"
set yrange [0:top_stall]
set ytics 0,top_stall/2.5,top_stall
plot data using 1:5 with filledcurves y1=0 fs solid 0.6 lc rgb "#885599" title "tasks that wait for memory"

set size 1,0.33; set origin 0,0
set format x "%g"
set xlabel "seconds" tc rgb "#333333"
set ylabel "CPUs"
set yrange [0:top_cpu]
set ytics autofreq
set y2range [0:125]
set y2tics 0,50,100 tc rgb "#333333"
set y2label "periods throttled, %" tc rgb "#333333"
set border 11
plot data using 1:8 axes x1y2 with filledcurves y1=0 fs solid 0.5 lc rgb "#bbbbbb" title "throttled", \
	data using 1:7 with lines lc rgb "#4477aa" lw 1.5 title "used", \
	data using 1:6 with steps lc rgb "#aa3344" lw 2 title "limit (cpu.max)"
unset multiplot
