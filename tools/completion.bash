# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of xenctl's words for bash: source this file, or put it into
# /usr/share/bash-completion/completions/ as xenctl. It is made from xenctl's own table of commands
# (tools/docs.sh); domains, configurations and virtual disks are those there are now. It does not
# look into the description of a disk, an interface or a rule.

# By command: its options, and what stands at each place behind them ("*": the same everywhere).
declare -gA _xenctl_options=() _xenctl_places=()
#TABLE#

# The words that stand for KIND of COMMAND, one a line.
_xenctl_words()
{
	local config
	case $1 in
	DOMAIN | IFACE) xenctl list 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
	COMMAND) printf '%s\n' "${!_xenctl_places[@]}" | grep -v ' ' ;;
	VDEV) printf '%s\n' xvda xvdb xvdc xvdd ;;
	NAME)
		if [[ $2 == vd* ]]; then
			xenctl vd list 2>/dev/null | awk 'NR > 1 && !/chunks of/ { print $1 }'
			return
		fi
		for config in "${XENO_ETC:-/etc/xeno}"/*.cfg; do
			[[ ! -e $config ]] || basename "$config" .cfg
		done ;;
	FILE | DEVICE) compgen -f -- "$3" ;;
	[a-z]*) echo "$1" ;;
	esac
}

# Print what may stand at place NUMBER of COMMAND, one a line.
_xenctl_place()
{
	local -a places
	local kind place
	read -r -a places <<<"${_xenctl_places[$1]}"
	place=${places[$2]-}
	if [[ ${places[0]-} == '*' ]]; then
		place=${places[1]}
	fi
	while read -r kind; do
		_xenctl_words "$kind" "$1" "$3"
	done < <(tr '|' '\n' <<<"$place")
}

_xenctl()
{
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} first=2 number=0 i words
	if ((COMP_CWORD > 2)) && [[ -v "_xenctl_places[$command ${COMP_WORDS[2]}]" ]]; then
		command="$command ${COMP_WORDS[2]}"
		first=3
	fi
	for ((i = first; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || ((number++))
	done
	if ((COMP_CWORD == 1)); then
		words=$(_xenctl_words COMMAND)
	elif [[ $current == -* ]]; then
		words=${_xenctl_options[$command]-}
	elif ((COMP_CWORD == 2)) && printf '%s\n' "${!_xenctl_places[@]}" | grep -q "^$command "; then
		words=$(printf '%s\n' "${!_xenctl_places[@]}" | sed -n "s/^$command //p")
	else
		words=$(_xenctl_place "$command" "$number" "$current")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current" | LC_ALL=C sort)
}
complete -o filenames -F _xenctl xenctl
