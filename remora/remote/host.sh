# What Remora does on a host: one POSIX program (dash, bash, busybox ash, mksh) for Linux.
#
# It lives twice. A held shell sources it and is told on its standard input what to do (part 3); nothing may
# wait there. What has to wait runs from it detached: "sh rt-<sha>.sh supervise|carry_out_cancel|guard|keep|tidy …".
# Times are hundredths of a second and come from /proc/uptime, which no setting of the clock can move.
#
# BASE/                    0700                                                             made by the held shell
#   rt-<sha>.sh            this program, named by its checksum                              held shell, by rename
#   keeper                 "PID BORN" of the process that holds outputs to their caps       keeper
#   bells/PID.BORN         FIFO of one watcher; supervisors write their names there     watcher
#   uploads/NAME           a payload too large for an exchange; NAME.part until complete    bulk shell, by rename
#   JOB.ATTEMPT/           0700, one attempt (a "place")                                    held shell
#     manifest             JSON: enough to adopt the job; no secrets                        held shell
#     order.TAG            sh text with environment, directory and program; emptied at the end    held shell
#     command.TAG          the command's text or the script                                 held shell
#     stdin.TAG            standard input; absent means empty                               held shell
#     start                the claim, made O_EXCL and never removed while the attempt can start:
#                          "PID BORN BOOT UPTIME CAP USER"                                  supervisor
#                          "cancelled BOOT UPTIME" if a cancel came first                   held shell
#                          "unstarted WHY" if it could not even be tried                    supervisor
#                          "forgotten" over one of these                                    held shell
#     job                  "PID BORN" of the main process, leader of its session            the job's process
#     pid                  "PID" of the main process, for the job ($PID_FILE)               the job's process
#     out, err             output, only appended to; cut back to the cap by the keeper      job
#     status               progress, whatever the job writes there ($STATUS_FILE)           job
#     truncated            exists once output was cut back                                  keeper
#     unstarted            why the program was never run: "cwd"                             the job's process
#     cancel               "cancel STATE ENDED LEFT GRACE", STATE requested or done         held shell, canceller
#     timeout              "wall|idle STATE ENDED LEFT GRACE"                               guard
#     exit.tmp             holds its disk block from the start on, so that a full disk loses no verdict: first "x",
#                          then what the shell says of a death by signal, then the verdict  supervisor
#     exit                 "verdict CODE HOW TIMEOUT CANCELLED ENDED LEFT UPTIME UNSTARTED", by rename
#                          HOW is exit, signal, or either where this shell cannot tell      supervisor
#
# BORN is a process's start time (field 22 of /proc/PID/stat): a PID alone identifies nobody.

# ---- 1. Facts: builtins only, no forks -----------------------------------------------------------------------------

look() { # sets uptime (seconds) and hundredths
  read -r uptime rest < /proc/uptime
  hundredths=${uptime%.*}${uptime#*.}
}

identify() { # PID: sets born, group, session; fails if there is no such process or only its zombie
  born=
  { IFS= read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*") "}
  set -f; set -- $stat; set +f
  case $1 in Z | X | '') return 1 ;; esac
  group=$3 session=$4 born=${20}
  [ -n "$born" ]
}

alive() { # PID BORN
  identify "$1" && [ "$born" = "$2" ]
}

read_claim() { # PLACE: sets supervisor, supervisor_born, claim_boot, cap, user; fails while the claim is absent or empty
  supervisor=
  { read -r supervisor supervisor_born claim_boot claimed_at cap user < "$1/start"; } 2>/dev/null
  [ -n "$supervisor" ]
}

read_job() { # PLACE: sets leader, leader_born
  leader=
  { read -r leader leader_born rest < "$1/job"; } 2>/dev/null
  case $leader in '' | *[!0-9]* | 0 | 1) return 1 ;; esac
}

is_live() { # PLACE: whether its supervisor or its main process lives
  { read_claim "$1" && alive "$supervisor" "$supervisor_born"; } || { read_job "$1" && alive "$leader" "$leader_born"; }
}

pause() { # HUNDREDTHS
  sleep "$(($1 / 100)).$(($1 % 100 / 10))$(($1 % 10))" 2>/dev/null || sleep $(($1 / 100 + 1))
}

take_claim() { # PLACE RECORD: O_EXCL, so that of all who ever try exactly one succeeds
  set -C
  { printf '%s\n' "$2" > "$1/start"; } 2>/dev/null
  taken=$?
  set +C
  return $taken
}

note() { # FILE TEXT: write one line; its later versions go over it in place and need no new disk block
  printf '%-99s\n' "$2" 1<> "$1"
}

detach() { # VERB …: run this program in a session of its own, nobody's child, holding none of our descriptors
  ( $setsid $restore /bin/sh "$program" "$@" < /dev/null > /dev/null 2>&1 & )
}

ring() { # PLACE: tell every watcher that there is news; opened for reading too, so that it does not wait for one
  for bell in "$base"/bells/*; do
    [ ! -p "$bell" ] || printf '%s\n' "$1" 1<> "$bell"
  done
}

# ---- 2. Detached: the supervisor and those who end attempts -----------------------------------------------------------

supervise() { # PLACE TAG WALL IDLE GRACE CAP SWEEP USER UMASK
  place=$1 tag=$2 wall=$3 idle=$4 grace=$5 cap=$6 sweep=$7 user=$8 mask=$9 guard=
  cd "$base/$place" || exit 1
  trap : HUP INT QUIT TERM
  identify $$
  look
  claimed=$hundredths
  if ! take_claim . "$$ $born $boot $uptime $cap $user"; then
    rm -f "order.$tag" "command.$tag" "stdin.$tag"
    exit 0
  fi
  { note exit.tmp x; } 2>/dev/null || { note start 'unstarted space'; ring "$place"; exit 1; }
  ring "$place"
  summon_keeper
  if [ "$wall$idle" != 00 ]; then
    $setsid /bin/sh "$program" guard "$place" "$wall" "$idle" "$grace" & guard=$!
  fi
  run_job
  dismiss_guard
  settle
  look
  note exit.tmp "verdict $code $how $timed_out $cancelled $ended $left $uptime $unstarted"
  mv -f exit.tmp exit
  true > "order.$tag"
  ring "$place"
}

run_job() { # sets code, how, unstarted
  input=/dev/null unstarted=-
  [ ! -e "stdin.$tag" ] || input=stdin.$tag
  [ "$user" = - ] || lend_order || { code=126 how=exit unstarted=user; return; }
  # In the foreground, so that the shell reports a death by signal on our standard error, and nothing else does.
  exec 2<> exit.tmp
  ( exec < "$input" >> out 2>> err; become_job )
  code=$?
  exec 2> /dev/null
  how=exit
  [ "$code" -le 128 ] || tell_signal
  [ ! -e unstarted ] || read -r unstarted < unstarted
  [ "$user" = - ] || sudo -n -u "$user" rm -rf "$lent"
}

become_job() { # in the job's own process, until its program takes it over
  { IFS= read -r stat < /proc/self/stat; pid=${stat%% *}; identify "$pid"
    printf '%s %s\n' "$pid" "$born" > job
    printf '%s\n' "$pid" > pid; } 2>/dev/null
  # Whoever cancels writes "cancel" and then looks for "job"; we write "job" and then look for "cancel".
  [ ! -e cancel ] || exit 143
  here=$base/$place
  umask "$mask"
  if [ "$user" != - ]; then
    exec $setsid sudo -n -H -u "$user" -- /bin/sh -c 'base=$1 place=$2 here=$3 tag=$4 setsid=
      export REMORA_JOB_ID="${place%.*}" REMORA_ATTEMPT="${place##*.}" REMORA_MARK="$place:"
      . "$here/order.$tag"' remora "$base" "$place" "$lent" "$tag"
  fi
  export REMORA_JOB_ID="${place%.*}" REMORA_ATTEMPT="${place##*.}" REMORA_MARK="$place:" \
    LOG_FILE="$here/out" STATUS_FILE="$here/status" PID_FILE="$here/pid"
  . "./order.$tag"
}

lend_order() { # give the other user, who may not read our directory, a copy in one of their own: sets lent
  lent=$(sudo -n -u "$user" /bin/sh -c 'umask 077; d=$(mktemp -d) && cat > "$d/$1" && printf %s "$d"' \
    remora "order.$tag" < "order.$tag") && [ -n "$lent" ] || return 1
  [ ! -e "command.$tag" ] ||
    sudo -n -u "$user" /bin/sh -c 'umask 077; cat > "$1"' remora "$lent/command.$tag" < "command.$tag"
}

tell_signal() { # sets how: did a signal end it, or did it exit with 128+n by itself?
  signal=$((code - 128))
  read -r said rest < exit.tmp
  [ "$said" = x ] || { how=signal; return; }
  case $signal in 17 | 18 | 19 | 20 | 21 | 22 | 23 | 28) return ;; esac   # these end nobody
  [ "$signal" -le 64 ] || return
  # The shell said nothing. See what it says when this signal surely is the cause.
  exec 2<> exit.tmp
  ( exec < /dev/null > /dev/null 2>&1; ulimit -c 0; exec /bin/sh -c "kill -$signal \$\$" )
  exec 2> /dev/null
  read -r said rest < exit.tmp
  [ "$said" != x ] || how=either
}

dismiss_guard() {
  [ -n "$guard" ] && [ ! -e timeout ] || return 0
  kill -9 "-$guard" || kill -9 "$guard"   # the latter if it had no time to lead a session
  [ -e timeout ] || return 0
  # It fired at this very moment and was stopped in it: its work is ours.
  read -r why rest < timeout
  end_members 0
  note timeout "$why done $ended $left $grace"
}

settle() { # sets timed_out, cancelled, ended, left: what others did to the attempt, and what it left behind
  timed_out=- cancelled=0 ended=0 left=0
  if [ -e timeout ]; then
    await_ender timeout
    timed_out=$why
  elif [ -e cancel ]; then
    await_ender cancel
    cancelled=1
  elif [ "$sweep" = 1 ]; then
    end_members "$grace"
  else
    count_members
  fi
  [ ! -e cancel ] || cancelled=1
}

await_ender() { # FILE: sets why, ended, left; the ender may use its grace and ten seconds more
  look
  limit=
  while :; do
    why= state= ended=0 left=0 patience=0
    read -r why state ended left patience < "$1"
    [ "$state" != 'done' ] || return 0
    [ -n "$limit" ] || limit=$((hundredths + ${patience:-0} + 1000))
    look
    [ "$hundredths" -lt "$limit" ] || break
    pause 5
  done
  end_members 0
}

count_members() { # sets left
  pids= newest=0
  read_job . || return 0
  look
  # A child's PID is above its parent's until the numbers wrap, which takes longer than this.
  [ $((hundredths - claimed)) -gt 1000 ] || newest=$leader
  find_members "$place" "$leader" "$newest"
  for pid in $pids; do left=$((left + 1)); done
}

find_members() { # PLACE LEADER ABOVE: sets pids, the attempt's living processes with a PID above this one
  pids= strangers=
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    [ "$pid" -gt "$3" ] && [ "$pid" != $$ ] && [ "$pid" != 1 ] && identify "$pid" || continue
    if [ "$group" = "$2" ] || [ "$session" = "$2" ] || [ "$pid" = "$2" ]; then
      pids="$pids $pid"
    elif [ -r "$entry/environ" ]; then
      strangers="$strangers $entry/environ"
    fi
  done
  [ -n "$strangers" ] || return 0
  for entry in $(LC_ALL=C grep -l "REMORA_MARK=${1%.*}[.]${1##*.}:" $strangers 2>/dev/null); do
    pid=${entry#/proc/}
    pids="$pids ${pid%/environ}"
  done
}

any_alive() {
  for pid in $pids; do
    ! identify "$pid" || return 0
  done
  return 1
}

tally() { # count each of pids once into ended
  for pid in $pids; do
    case $tallied in *" $pid "*) ;; *) tallied="$tallied$pid " ended=$((ended + 1)) ;; esac
  done
}

end_all() { # PLACE LEADER GRACE: TERM, grace, then stop and KILL until none is left; sets ended, left
  tallied=' ' ended=0 round=0
  find_members "$1" "$2" 0
  tally
  if [ -n "$pids" ]; then
    kill -TERM $pids
    kill -CONT $pids
    look
    limit=$((hundredths + $3))
    while any_alive && [ "$hundredths" -lt "$limit" ]; do pause 5; look; done
  fi 2>/dev/null
  while find_members "$1" "$2" 0; [ -n "$pids" ] && [ $round -lt 60 ]; do
    tally
    # Stopped ones cannot fork away while the others are killed. Not behind sudo: it would stop with them, for good.
    if [ $round -eq 0 ] && [ "$user" = - ]; then kill -STOP $pids; else kill -KILL $pids; fi
    [ $round -lt 5 ] || pause 5
    round=$((round + 1))
  done 2>/dev/null
  left=0
  for pid in $pids; do left=$((left + 1)) ended=$((ended - 1)); done
}

end_members() { # GRACE, in the attempt's directory: end_all with the rights of the user who runs it
  read_claim .
  read_job . || leader=none
  # With both gone the number may be somebody else's; then only the mark counts. It is a word and not 0, which is
  # the group and session of every process that came from outside a container.
  alive "$supervisor" "$supervisor_born" || alive "$leader" "$leader_born" || leader=none
  if [ "$user" = - ]; then end_all "$place" "$leader" "$1"; return; fi
  set -- "$1" $({ cat "$program"; printf '\nend_all %s %s %s; echo $ended $left\n' "$place" "$leader" "$1"; } |
    sudo -n -u "$user" /bin/sh -s)
  ended=${2:-0} left=${3:-1}
}

finish() { # GRACE, in the attempt's directory: wait until there is something to end, then end it; sets ended, left
  ended=0 left=0 tries=0
  until read_claim . || [ $tries -ge 60 ]; do tries=$((tries + 1)); pause 5; done
  case $supervisor in '' | *[!0-9]*) return ;; esac
  [ "$claim_boot" = "$boot" ] || return
  until [ -s job ] || [ -s exit ] || ! alive "$supervisor" "$supervisor_born" || [ $tries -ge 260 ]; do
    tries=$((tries + 1)); pause 5
  done
  [ -s exit ] || end_members "$1"
}

carry_out_cancel() { # PLACE GRACE
  place=$1
  cd "$base/$place" || exit 1
  finish "$2"
  note cancel "cancel done $ended $left $2"
  alive "$supervisor" "$supervisor_born" || ring "$place"   # a living supervisor rings itself
}

guard() { # PLACE WALL IDLE GRACE: carry out the time limits; 0 is none
  place=$1 wall=$2 idle=$3 grace=$4 why= seen=
  cd "$base/$place" || exit 1
  look
  begun=$hundredths quiet_since=$hundredths
  until overdue; do
    pause "$wait"
    look
    [ ! -s exit ] && [ -e start ] || exit 0
  done
  note timeout "$why requested 0 0 $grace"
  finish "$grace"
  note timeout "$why done $ended $left $grace"
  alive "$supervisor" "$supervisor_born" || ring "$place"
}

overdue() { # sets why if a limit has passed, else wait
  wait=100000
  if [ "$wall" -gt 0 ]; then
    wait=$((begun + wall - hundredths))
    [ "$wait" -gt 0 ] || { why=wall; return 0; }
  fi
  [ "$idle" -gt 0 ] || return 1
  now_seen=$(ls -ln out err 2>/dev/null)
  [ "$now_seen" = "$seen" ] || quiet_since=$hundredths seen=$now_seen
  rest_of_idle=$((quiet_since + idle - hundredths))
  [ "$rest_of_idle" -gt 0 ] || { why=idle; return 0; }
  step=$((idle / 10))
  [ $step -ge 10 ] || step=10
  [ $step -le 500 ] || step=500
  [ $step -le "$rest_of_idle" ] || step=$rest_of_idle
  [ "$wait" -le $step ] || wait=$step
  return 1
}

summon_keeper() {
  keeper=
  { read -r keeper keeper_born < "$base/keeper"; } 2>/dev/null
  [ -n "$keeper" ] && alive "$keeper" "$keeper_born" || detach keep
}

keep() { # cut outputs back to their caps, for all attempts of this base, until none is live
  cd "$base" || exit 1
  identify $$
  me="$$ $born"
  printf '%s\n' "$me" > keeper
  tick=500
  while pause $tick; { read -r holder < "$base/keeper"; } 2>/dev/null && [ "$holder" = "$me" ]; do
    live=
    for place in */exit.tmp; do
      place=${place%/*}
      ! is_live "$place" || live="$live $place"
    done
    [ -n "$live" ] || exit 0
    tick=500
    set -f; set -- $(over 'ls -ln' 'out err' $live); set +f
    while [ $# -ge 9 ]; do hold_to_cap "$5" "$9"; shift 9; done
  done
}

hold_to_cap() { # SIZE FILE: what is appended later goes to the new end, so the job never notices
  read_claim "${2%/*}" || return
  [ "$1" -le $((cap / 2)) ] || tick=100
  [ "$1" -gt "$cap" ] || return
  true > "${2%/*}/truncated"
  dd if=/dev/null of="$2" bs=1 seek="$cap" 2>/dev/null
}

tidy() { # remove claims of attempts forgotten a day ago, lost uploads, bells of dead watchers
  cd "$base" || exit 1
  find uploads -type f -mtime +0 -exec rm -f {} +
  for place in $(find . -name '*.[0-9]*' -type d -prune -mtime +0); do
    word=
    read -r word rest < "$place/start"
    [ "$word" != forgotten ] || rm -rf "$place"
  done
  for bell in bells/*; do
    watcher=${bell#bells/}
    alive "${watcher%.*}" "${watcher#*.}" || rm -f "$bell"
  done
}

# ---- 3. In held shells: each of these is asked for by one line of an exchange; the current directory is BASE -----------

answer() { # NONCE FIELDS…: begin a section of the reply
  printf '\n%s\n' "$*"
}

put() { # FILE PAYLOAD: a payload is a printf format, or @NAME of an upload, or - for none
  case $2 in
    -) ;;
    @*) mv -f "uploads/${2#@}" "$1" ;;
    *) printf "$2" > "$1" ;;
  esac
}

place_files() { # PLACE TAG MANIFEST ORDER COMMAND STDIN
  { [ -d "$1" ] || mkdir "$1" || [ -d "$1" ]; } &&
    put "$1/manifest" "$3" && put "$1/order.$2" "$4" && put "$1/command.$2" "$5" && put "$1/stdin.$2" "$6"
}

drop_uploads() { # PAYLOAD…
  for payload do
    case $payload in @*) rm -f "uploads/${payload#@}" ;; esac
  done
}

start() { # PLACE TAG MANIFEST ORDER COMMAND STDIN WALL IDLE GRACE CAP SWEEP USER
  if [ -e "$1/start" ]; then
    drop_uploads "$3" "$4" "$5" "$6"
    printf 'start %s dup\n' "$1"
  elif [ ! -f "$program" ]; then
    printf 'start %s gone %s is no longer there\n' "$1" "$program"
  elif place_files "$1" "$2" "$3" "$4" "$5" "$6" 2>/dev/null; then
    detach supervise "$1" "$2" "$7" "$8" "$9" "${10}" "${11}" "${12}" "${mask:-022}"
    printf 'start %s new\n' "$1"
  else
    printf 'start %s error %s\n' "$1" "$(place_files "$1" "$2" "$3" "$4" "$5" "$6" 2>&1 | tail -n 1)"
    rm -f "$1/order.$2" "$1/command.$2" "$1/stdin.$2"
    drop_uploads "$3" "$4" "$5" "$6"
  fi
}

cancel() { # PLACE GRACE
  [ ! -s "$1/exit" ] || return 0
  [ -d "$1" ] || mkdir "$1"
  ! take_claim "$1" "cancelled $boot $uptime" || return 0
  { read -r why state rest < "$1/cancel"; } 2>/dev/null && [ "$state" = 'done' ] && return 0
  note "$1/cancel" "cancel requested 0 0 $2"
  detach carry_out_cancel "$1" "$2"
}

forget() { # PLACE…: leave only the claim, so that none of them can start again
  for place do
    [ ! -d "$place" ] || take_claim "$place" forgotten || printf 'forgotten\n' 1<> "$place/start"
  done
  # By find: a job may have left names there that no word splitting survives.
  find "$@" -mindepth 1 -maxdepth 1 ! -name start -exec rm -rf {} + 2>/dev/null
}

over() { # COMMAND NAMES PLACE…: run COMMAND over these files of these attempts, with a constant number of forks
  command=$1 names=$2
  shift 2
  set -f
  if [ $# -le 40 ]; then
    files=
    for name in $names; do for place do files="$files $place/$name"; done; done
    $command $files
  else
    for name in $names; do printf "%s/$name\n" "$@"; done | xargs $command
  fi 2>/dev/null
  set +f
}

probe() { # NONCE PLACE…: all that the files say; the caller draws the conclusions
  nonce=$1 unended= empty=
  shift
  answer "$nonce" absent
  for place do
    if [ ! -d "$place" ]; then printf '%s\n' "$place"; continue; fi
    [ -s "$place/exit" ] || unended="$unended $place"
    [ -s "$place/start" ] || [ ! -e "$place/start" ] || empty="$empty $place/start"
  done
  answer "$nonce" files
  over 'head -c 300 /dev/null' 'exit start job cancel timeout truncated status' "$@"
  if [ -n "$unended" ]; then
    answer "$nonce" processes
    stats=$(over 'sed -n s|^\([0-9][0-9]*\).*|/proc/\1/stat|p' 'start job' $unended)
    [ -z "$stats" ] || head -c 600 /dev/null $stats 2>/dev/null
    # Between the first look and the processes an attempt may have ended: absent is not unfinished.
    answer "$nonce" again
    over 'head -c 300 /dev/null' 'exit exit.tmp' $unended
  fi
  if [ -n "$empty" ]; then
    answer "$nonce" stale
    find $empty -prune -size 0 -mmin +1 2>/dev/null
  fi
  answer "$nonce" sizes
  over 'ls -ln' 'out err' "$@"
}

inline() { # NONCE PLACE STREAM OFFSET MOST: output of an ended attempt, from the 4 KiB block that holds OFFSET on
  [ -s "$2/exit" ] && [ -s "$2/$3" ] || return 0
  slice "$1" "$2" "$3" 4096 $(($4 / 4096)) $((($5 + 4095) / 4096 + 1))
}

slice() { # NONCE PLACE STREAM BLOCK FIRST COUNT
  answer "$1" data "$2" "$3" "$(($4 * $5))"
  dd if="$2/$3" bs="$4" skip="$5" count="$6" 2>/dev/null
}

sizes() { # NONCE PLACE…: how far outputs have grown, and to what caps
  nonce=$1
  shift
  answer "$nonce" files
  over 'head -c 300 /dev/null' start "$@"
  answer "$nonce" sizes
  over 'ls -ln' 'out err' "$@"
}

upload() { # NONCE NAME LENGTH: take that many bytes from standard input, which the caller sends after "ready"
  answer "$1" ready
  head -c "$3" > "uploads/$2.part"
  set -- "$1" "$2" "$3" $(ls -ln "uploads/$2.part")
  if [ "$8" = "$3" ]; then mv -f "uploads/$2.part" "uploads/$2"; else rm -f "uploads/$2.part"; fi
  answer "$1" stored "$8"
}

watch() { # NONCE: print the names of attempts that begin or end, until standard input ends or a newer watcher comes
  identify $$
  bell=bells/$$.$born
  for older in bells/*; do
    older=${older#bells/}
    ! alive "${older%.*}" "${older#*.}" || kill -9 "${older%.*}"
    rm -f "bells/$older"
  done
  mkfifo "$bell" || { answer "$1" unwatchable; exit 1; }
  identify $$
  me=$born
  exec 3<> "$bell" 4<&0   # an asynchronous command's own standard input is /dev/null
  ( while read -r line; do :; done; ! alive $$ "$me" || kill -9 $$; rm -f "$bell" ) <&4 > /dev/null &
  answer "$1" watching
  while read -r name <&3; do printf '%s\n' "$name"; done
}

exchange() { # NONCE: every exchange begins here
  look
  cd "$base" 2>/dev/null || true
  answer "$1" answers "$uptime"
}

examine() { # NONCE: what "hosts check" tells
  answer "$1" examined
  printf 'kernel %s\n' "$(uname -sr)"
  if [ -n "$BASH_VERSION" ]; then shell=bash
  elif [ -n "$KSH_VERSION" ]; then shell=ksh
  else shell=$(readlink -f /bin/sh 2>/dev/null); shell=${shell##*/}; fi
  printf 'shell %s\n' "${shell:-unknown}"
  set -f; set -- $(df -Pk . | tail -n 1); set +f
  printf 'free_kib %s\n' "$4"
  printf 'default_signals %s\n' "${restore:+yes}"
  printf '#!/bin/sh\n' > uploads/probe && chmod 700 uploads/probe && uploads/probe && printf 'exec yes\n'
  rm -f uploads/probe
  sudo -n true < /dev/null && printf 'sudo yes\n'
  mkfifo bells/0.0 && printf 'fifo yes\n'
  rm -f bells/0.0
  ends_at_logout && printf 'ends_at_logout yes\n'
}

ends_at_logout() { # whether logind kills what a session leaves behind, as far as its settings and lingering tell
  [ -d /run/systemd/seats ] || return 1
  kills=$(busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
    KillUserProcesses < /dev/null) || kills=$(grep -hs '^KillUserProcesses=' /etc/systemd/logind.conf)
  case $kills in *true | *yes | *1) [ ! -e "/var/lib/systemd/linger/$(id -un)" ] ;; *) return 1 ;; esac
}

# ---- Both lives begin here: sourced with "program" set, or run with a verb ---------------------------------------------

umask 077
read -r boot < /proc/sys/kernel/random/boot_id
# By its path: a job may bring a PATH of its own.
for setsid in /usr/bin/setsid /bin/setsid /usr/local/bin/setsid; do
  [ ! -x "$setsid" ] || break
done
setsid="$setsid --"
case $1 in
  supervise | carry_out_cancel | guard | keep | tidy)
    program=$0 base=${0%/*} restore=
    "$@"
    ;;
esac
