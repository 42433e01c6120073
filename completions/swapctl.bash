# bash completion for swapctl(8)                           -*- shell-script -*-
# shellcheck shell=bash
# Made by `make generate` from the program's options and rules. Starts no process.

# Offer those of the words that begin with $1.
_swapctl_words() {
    local cur=$1 word
    shift
    for word; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}

# File names are readline's own business, with all their quoting.
_swapctl_files() {
    compopt -o default
}

# The paths in /proc/swaps, which has blanks and the like in octal; else file names.
_swapctl_areas() {
    local cur=${1#[\"\']} name quoted rest
    while read -r name rest; do
        [[ $name == /* ]] || continue
        printf -v name %b "${name//\\/\\0}"
        printf -v quoted %q "$name"
        [[ -e $name && ($name == "$cur"* || $quoted == "$cur"*) ]] || continue
        COMPREPLY+=("$name")
    done </proc/swaps
    compopt -o filenames -o default
} 2>/dev/null

# Those types of mounted filesystems on which swapfiles can be made.
_swapctl_types() {
    local cur=$1 type rest known=' '
    while read -r _ _ type rest; do
        case $type in
            btrfs | exfat | ext2 | ext3 | ext4 | f2fs | jfs | minix | nfs | nfs4 | ntfs | ntfs3 | udf | vfat | xfs)
                [[ $known == *" $type "* ]] || _swapctl_words "$cur" "$type"
                known+="$type "
                ;;
        esac
    done </proc/self/mounts
} 2>/dev/null

# A list with commas, each column once.
_swapctl_columns() {
    local cur=$1 done='' word
    [[ $cur != *,* ]] || done=${cur%,*},
    for word in name type size used prio fstype device extents verdict mount uuid label stale; do
        [[ ,$done == *",$word,"* ]] || _swapctl_words "$cur" "$done$word"
    done
    compopt -o nospace
}

_swapctl_rules() {
    _swapctl_words "$1" \
        area-active area-empty area-no-page areas-exhausted blocks-misaligned blocks-missing \
        boot-leftover btrfs-checksummed btrfs-compressed btrfs-cow btrfs-devices \
        btrfs-exclusive-operation btrfs-profile btrfs-shared btrfs-used-before caller-capability \
        cifs-holes cifs-small-buffers device-busy device-has-holders device-read-only \
        device-zoned directory-untrusted discard-unmaps ext4-journalled-data extents-trimmed \
        extents-unwritten extents-unwritten-refused f2fs-compressed f2fs-holes f2fs-lfs-mode \
        f2fs-little-room f2fs-other-device f2fs-unaligned f2fs-wrong-blocks file-acl \
        file-append-only file-dax file-delayed file-directory file-encrypted \
        file-encryption-bypassed file-executing file-fragmented file-holes file-immutable \
        file-inline file-large-folios file-links file-mode file-open-by-others file-owner \
        file-shared file-tail-lost file-type file-unlinked file-verity filesystem-hazard \
        filesystem-unjudged filesystem-unsupported fstab-duplicate fstab-gpt-swap fstab-makefs \
        fstab-unit header-bad-page-range header-bad-page-twice header-bad-pages \
        header-byte-order header-empty header-missing header-oversized header-page-size \
        header-short header-suspend-image header-too-long header-version kernel-without-swap \
        kubelet-swap manager-of-file manager-rival memory-short mount-read-only \
        network-container network-ipsec network-lease network-link-down network-namespace \
        network-no-route network-openvswitch network-ppp network-queue network-server-here \
        network-stacked network-team network-tun network-tunnel network-wireguard \
        network-wireless nfs-connections nfs-foreign-writers nfs-hole-on-server nfs-holes \
        nfs-kerberos nfs-layouts nfs-localio nfs-rdma nfs-root-squash nfs-server-unseen nfs-soft \
        nfs-tls nfs-udp nfs-unsupported nfs-writes-fail open-denied path-unreachable \
        place-encrypted place-exists place-filesystem-differs place-filesystem-unsuitable \
        place-lfs-mode place-no-room-below place-no-space place-profile place-read-only \
        place-untrusted place-zeros-dropped size-too-large size-too-small snapshot-subvolume \
        storage-array-degraded storage-array-external storage-array-stopped \
        storage-array-syncing storage-bcache storage-cache storage-crypt-key storage-cycle \
        storage-drbd storage-faulty storage-fibre-channel storage-integrity storage-iscsi \
        storage-loop-buffered storage-loop-cow storage-loop-deleted storage-loop-discard \
        storage-loop-encoded storage-loop-fuse storage-loop-holes storage-loop-journal \
        storage-loop-memory storage-loop-network storage-loop-shared storage-loop-timestamps \
        storage-loop-unwritten storage-mirror-log storage-multipath storage-nbd \
        storage-nbd-local storage-nvme-fabrics storage-pmem storage-raid-parity storage-ramdisk \
        storage-rbd storage-read-only storage-remapped storage-removable storage-rotational \
        storage-snapshot storage-snapshot-origin storage-suspended storage-target-unknown \
        storage-tcm-loop storage-test-device storage-thin storage-thin-disk storage-thin-pool \
        storage-ublk storage-vdo storage-verity storage-virtual-disk storage-writecache \
        storage-zoned storage-zram storage-zvol swapon8-blind swapon8-rewrites swapon8-skips \
        swapon8-warns unit-path xfs-realtime zonefs-sequential zram-behind
}

_swapctl_unsafe() {
    _swapctl_words "$1" \
        device-read-only directory-untrusted discard-unmaps f2fs-other-device f2fs-wrong-blocks \
        file-acl file-encryption-bypassed file-mode file-open-by-others file-owner \
        filesystem-hazard memory-short network-ipsec network-link-down network-no-route \
        network-openvswitch network-ppp network-queue network-server-here network-tun \
        network-wireless nfs-foreign-writers nfs-kerberos nfs-layouts nfs-localio nfs-rdma \
        nfs-soft nfs-tls nfs-udp nfs-writes-fail place-no-room-below place-zeros-dropped \
        storage-array-external storage-array-stopped storage-cycle storage-faulty \
        storage-loop-cow storage-loop-encoded storage-loop-fuse storage-loop-holes \
        storage-loop-journal storage-loop-memory storage-loop-network storage-loop-shared \
        storage-loop-timestamps storage-loop-unwritten storage-mirror-log storage-multipath \
        storage-nbd-local storage-read-only storage-remapped storage-snapshot \
        storage-snapshot-origin storage-suspended storage-thin storage-thin-pool storage-ublk \
        storage-vdo storage-verity storage-zvol
}

_swapctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' ended='' word i
    COMPREPLY=()

    # readline makes three words of --format=json.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $previous == '=' ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == -- ]]; then
            ended=yes
        elif [[ -z $command && $word != -* ]]; then
            command=$word
        fi
    done

    if [[ -z $ended ]]; then
        case "$command $previous" in
            'check --format')
                _swapctl_words "$cur" text json nagios
                return
                ;;
            'check --facts')
                _swapctl_files "$cur"
                return
                ;;
            'check --color')
                _swapctl_words "$cur" auto always never
                return
                ;;
            'explain --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'prepare --size' | 'prepare --label' | 'prepare --uuid' | 'prepare --reserve' | 'prepare --priority')
                return
                ;;
            'prepare --fs')
                _swapctl_types "$cur"
                return
                ;;
            'prepare --method')
                _swapctl_words "$cur" auto write write-zeroes fallocate
                return
                ;;
            'prepare --allow')
                _swapctl_unsafe "$cur"
                return
                ;;
            'prepare --discard')
                _swapctl_words "$cur" once pages both
                return
                ;;
            'prepare --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'on --priority')
                return
                ;;
            'on --discard')
                _swapctl_words "$cur" once pages both
                return
                ;;
            'on --allow')
                _swapctl_unsafe "$cur"
                return
                ;;
            'on --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'on --color')
                _swapctl_words "$cur" auto always never
                return
                ;;
            'off --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'enable --size' | 'enable --max-share' | 'enable --label' | 'enable --reserve' | 'enable --priority')
                return
                ;;
            'enable --fs')
                _swapctl_types "$cur"
                return
                ;;
            'enable --method')
                _swapctl_words "$cur" auto write write-zeroes fallocate
                return
                ;;
            'enable --discard')
                _swapctl_words "$cur" once pages both
                return
                ;;
            'enable --root')
                _swapctl_files "$cur"
                return
                ;;
            'enable --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'disable --root')
                _swapctl_files "$cur"
                return
                ;;
            'disable --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'status --format')
                _swapctl_words "$cur" text json markdown journal
                return
                ;;
            'status --output')
                _swapctl_columns "$cur"
                return
                ;;
            'prove --size' | 'prove --time')
                return
                ;;
            'prove --allow')
                _swapctl_unsafe "$cur"
                return
                ;;
            'prove --format')
                _swapctl_words "$cur" text json
                return
                ;;
            'prove --color')
                _swapctl_words "$cur" auto always never
                return
                ;;
            'monitor --interval' | 'monitor --count')
                return
                ;;
            'monitor --format')
                _swapctl_words "$cur" text json
                return
                ;;
        esac
    fi

    case $command in
        '')
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --version -l --list -h --help
            else
                _swapctl_words "$cur" check explain facts prepare on off enable disable status prove monitor
            fi
            ;;
        check)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --format --json --strict --facts -q --quiet -v --verbose --color -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        explain)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --format --json -h --help
            else
                _swapctl_rules "$cur"
            fi
            ;;
        facts)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        prepare)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --size --configured --fs --method --label --uuid --reserve --allow --on \
                    --priority --discard -n --dry-run -q --quiet --format --json -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        on)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --priority --discard --allow -n --dry-run -q --quiet --format --json --color \
                    -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        off)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --force -q --quiet --format --json -h --help
            else
                _swapctl_areas "$cur"
            fi
            ;;
        enable)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --size --max-share --fs --method --label --reserve --priority --discard \
                    --nofail --fail --root -n --dry-run -q --quiet --format --json -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        disable)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --force --root -n --dry-run -q --quiet --format --json -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        status)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --format --json --bytes --tree --output -h --help
            else
                _swapctl_areas "$cur"
            fi
            ;;
        prove)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --size --time --keep --allow -q --quiet --format --json --color -h --help
            else
                _swapctl_files "$cur"
            fi
            ;;
        monitor)
            if [[ $cur == -* && -z $ended ]]; then
                _swapctl_words "$cur" \
                    --interval --count --format --json -h --help
            fi
            ;;
    esac
}

complete -F _swapctl swapctl
