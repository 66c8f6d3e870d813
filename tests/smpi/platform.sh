#!/bin/sh
# platform.sh NODES DEVICES RATE LOCAL_RATE FOLDER: a machine for SimGrid, as platform.xml and hosts in the folder. Each node has a
# switch for its devices, whose links carry LOCAL_RATE each way, and one link of RATE each way to all other nodes.
nodes=$1 devices=$2 rate=$3 local_rate=$4 folder=$5
awk -v nodes="$nodes" -v devices="$devices" -v rate="$rate" -v local_rate="$local_rate" -v hosts="$folder/hosts" 'BEGIN {
  print "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n<platform version=\"4.1\">"
  print "<zone id=\"machine\" routing=\"Floyd\">\n<zone id=\"core\" routing=\"Full\"><router id=\"spine\"/></zone>"
  for (n = 0; n < nodes; n++) {
    printf "<cluster id=\"node%d\" prefix=\"n%dd\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\" bw=\"%sBps\" lat=\"2us\"", n, n, devices - 1, local_rate
    printf " router_id=\"r%d\"/>\n<link id=\"up%d\" bandwidth=\"%sBps\" latency=\"5us\" sharing_policy=\"SPLITDUPLEX\"/>\n", n, n, rate
    for (d = 0; d < devices; d++)
      printf "n%dd%d\n", n, d > hosts
  }
  for (n = 0; n < nodes; n++) {
    printf "<zoneRoute src=\"node%d\" dst=\"core\" gw_src=\"r%d\" gw_dst=\"spine\" symmetrical=\"NO\">", n, n
    printf "<link_ctn id=\"up%d\" direction=\"UP\"/></zoneRoute>\n", n
    printf "<zoneRoute src=\"core\" dst=\"node%d\" gw_src=\"spine\" gw_dst=\"r%d\" symmetrical=\"NO\">", n, n
    printf "<link_ctn id=\"up%d\" direction=\"DOWN\"/></zoneRoute>\n", n
  }
  print "</zone>\n</platform>"
}' >"$folder/platform.xml"
