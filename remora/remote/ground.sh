# The first words to a host: find the base directory, make it, and tell whether the program is there.
# Given by the caller: nonce, pinned (the base learnt before, or empty), given (the configured directory, or empty),
# below (the rest of the path), name (of the program's file).
# Answers "unfit WHY" or the lines base, home, program, moment; nothing here is read from a profile.

mask=$(umask)   # the jobs' own
umask 077

tell_home() { # an account may have no HOME, and sshd's may be wrong
  case $HOME in /*) printf '%s\n' "$HOME"; return ;; esac
  found=$(getent passwd "$(id -u)" | cut -d: -f6)
  case $found in /*) ;; *) eval "found=~$(id -un)" ;; esac
  case $found in /*) printf '%s\n' "$found" ;; esac
}

tell_fault() { # why no job can run here; nothing if it can
  [ -r /proc/self/stat ] && [ -r /proc/uptime ] || { echo 'there is no /proc'; return; }
  [ -x /usr/bin/setsid ] || [ -x /bin/setsid ] || [ -x /usr/local/bin/setsid ] || { echo 'there is no setsid'; return; }
  [ -n "$base" ] || { echo 'the account has no home directory: configure a base for this host'; return; }
  mkdir -p "$base/bells" "$base/uploads" 2>&1 || return
  [ -O "$base" ] || { echo "$base belongs to another user"; return; }
  chmod 700 "$base" 2>&1 || return
  { true > "$base/uploads/writable"; } 2>/dev/null || echo "$base is not writable"
}

home=$(tell_home)
root=${given:-${home:+$home/.remora}}
base=${pinned:-${root:+$root/$below}}
fault=$(tell_fault | tail -n 1)
printf '\n%s ground\n' "$nonce"
if [ -n "$fault" ]; then
  printf 'unfit %s\n' "$fault"
else
  read -r uptime rest < /proc/uptime
  read -r boot < /proc/sys/kernel/random/boot_id
  printf 'base %s\nhome %s\nmoment %s %s %s\n' "$base" "$home" "$boot" "$uptime" "$(date +%s)"
  [ ! -s "$base/$name" ] || printf 'program %s\n' "$base/$name"
fi
exec 2> /dev/null
