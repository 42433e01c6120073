# Made by `make generate` from the program's options and rules. Starts no process.

# Succeeds when the command on the line is the one named, or, with '', when there is none yet.
function __swapctl_at
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            test "$word" = "$argv[1]"
            return
        end
    end
    test -z "$argv[1]"
end

# The paths in /proc/swaps, which has blanks and the like in octal. fish takes every line and every
# tab of the output for the end of a path.
function __swapctl_areas
    set -l found
    while read -l line
        set -l escaped (string match -r -- '^/\S*' $line | string replace -a '\\' '\\0')
        set -l name (printf '%b' $escaped | string collect)
        if test -n "$name" -a -e "$name"; and not string match -qr '[\n\t]' -- $name
            set -a found $name
        end
    end </proc/swaps
    test -z "$found"; or printf '%s\tactive area\n' $found
end

# Is none of them meant by what is typed? Then it is a file name.
function __swapctl_no_area
    set -l typed (commandline -ct | string unescape | string collect)
    set -l length (string length -- "$typed")
    for area in (__swapctl_areas)
        if test (string sub -l $length -- $area | string collect -a) = "$typed"
            return 1
        end
    end
end

# Those types of mounted filesystems on which swapfiles can be made.
function __swapctl_types
    set -l found
    while read -l -d ' ' _source _target type _rest
        if contains -- $type btrfs exfat ext2 ext3 ext4 f2fs jfs minix nfs nfs4 ntfs ntfs3 udf vfat xfs; and not contains -- $type $found
            set -a found $type
        end
    end </proc/self/mounts
    test -z "$found"; or printf '%s\n' $found
end

# A list with commas, each column once.
function __swapctl_columns
    set -l current (string replace -r -- '^--output=' '' (commandline -ct))
    set -l given (string match -r -- '.*,' $current)
    for column in name\t'path as the kernel prints it' type\t'file, partition or zram' size\t'usable size' used\t'swapped out to it' prio\t'higher is used first' fstype\t'filesystem of the file' device\t'block device it lies on' extents\t'contiguous pieces of the file' verdict\t'what check says, or stale' mount\t'where the filesystem is mounted' uuid\t'UUID in the header' label\t'label in the header' stale\t'the path leads elsewhere'
        if not contains -- (string split -f 1 \t $column) (string split , -- $given)
            printf '%s%s\n' "$given" $column
        end
    end
end

function __swapctl_rules
    printf '%s\t%s\n' \
        area-active 'The area is active now' \
        area-empty 'No page is left for swap' \
        area-no-page 'Not one page of the file lies whole and aligned on the disk' \
        areas-exhausted 'All swap areas that the kernel can have are in use' \
        blocks-misaligned 'Part of the file cannot be used because its blocks are not page-aligned' \
        blocks-missing 'The filesystem names no disk block for a part of the file' \
        boot-leftover 'Something is set up to be activated at boot that is no swap area' \
        btrfs-checksummed 'File data is checksummed' \
        btrfs-compressed 'The file is compressed' \
        btrfs-cow 'File data is copy-on-write' \
        btrfs-devices 'The file is spread over several devices' \
        btrfs-exclusive-operation 'Another exclusive operation is running on the filesystem' \
        btrfs-profile 'The file\'s data has a profile other than single' \
        btrfs-shared 'Extents are shared with a snapshot or a clone' \
        btrfs-used-before 'The file\'s data has other users in the last committed state' \
        caller-capability 'The caller may not activate swap' \
        cifs-holes 'The server reports fewer blocks than the size of the file needs' \
        cifs-small-buffers 'The server may be one whose answers hold less than a page' \
        device-busy 'The device is in use' \
        device-has-holders 'Something is stacked on the device although it can still be claimed' \
        device-read-only 'The device is read-only' \
        device-zoned 'The device is zoned' \
        directory-untrusted 'Others can replace the file before it is activated' \
        discard-unmaps 'Discarding would take away the blocks that the area has in a layer below' \
        ext4-journalled-data 'The file\'s data goes through the journal' \
        extents-trimmed 'Part of the file cannot be used because its blocks are not page-aligned' \
        extents-unwritten 'Blocks are allocated but were never written' \
        extents-unwritten-refused 'This kernel refuses allocated blocks that were never written' \
        f2fs-compressed 'The file has the compression attribute' \
        f2fs-holes 'Parts of the file have no disk blocks' \
        f2fs-lfs-mode 'The filesystem is mounted in LFS mode' \
        f2fs-little-room 'There may be too few free sections to move the blocks to' \
        f2fs-other-device 'Blocks of the file lie on another device than the first' \
        f2fs-unaligned 'The file does not consist of whole sections' \
        f2fs-wrong-blocks 'This kernel would swap to blocks that are not the file\'s' \
        file-acl 'An access control list lets others in' \
        file-append-only 'The file is append-only' \
        file-dax 'The file is mapped directly to persistent memory (DAX)' \
        file-delayed 'Parts of the file are not on disk yet' \
        file-directory 'The path is a directory' \
        file-encrypted 'The file is encrypted by its filesystem, which some kernels refuse' \
        file-encryption-bypassed 'Swap would reach the disk unencrypted' \
        file-executing 'The file is a program that is running' \
        file-fragmented 'The file is in many small pieces' \
        file-holes 'Parts of the file have no disk blocks' \
        file-immutable 'The file is immutable' \
        file-inline 'The data lies inside the inode or the metadata' \
        file-large-folios 'The blocks are larger than a page' \
        file-links 'The file has other names' \
        file-mode 'Others can read or write the file' \
        file-open-by-others 'A process of somebody other than root has the file open' \
        file-owner 'The file belongs to somebody other than root' \
        file-shared 'Blocks are shared with another file' \
        file-tail-lost 'The size is not a multiple of the page size' \
        file-type 'Neither a regular file nor a block device' \
        file-unlinked 'The file has no name any more' \
        file-verity 'The file is sealed by fs-verity' \
        filesystem-hazard 'The kernel accepts files of this filesystem, but they are not safe' \
        filesystem-unjudged 'The kernel\'s answer cannot be predicted on this filesystem' \
        filesystem-unsupported 'This filesystem cannot hold swap' \
        fstab-duplicate 'Several lines of fstab activate the file' \
        fstab-gpt-swap 'The line of fstab keeps systemd from activating a partition for swap' \
        fstab-makefs 'A line of fstab has x-systemd.makefs, so that the file is not activated at boot' \
        fstab-unit 'Both fstab and a unit file activate the file' \
        header-bad-page-range 'A bad page of the list lies outside of the area' \
        header-bad-page-twice 'A bad page is listed twice' \
        header-bad-pages 'The list of bad pages is not acceptable' \
        header-byte-order 'The header is in the other byte order' \
        header-empty 'The header says that the area has no pages' \
        header-missing 'There is no swap signature' \
        header-oversized 'The area is longer than the kernel can use' \
        header-page-size 'The header was made for another page size' \
        header-short 'The header uses only a part of the area' \
        header-suspend-image 'The area holds a hibernation image' \
        header-too-long 'The header promises more pages than there are' \
        header-version 'The header has an unknown version' \
        kernel-without-swap 'The kernel was built without swap' \
        kubelet-swap 'Kubernetes runs on this machine and does not start while swap is active' \
        manager-of-file 'Another program manages this file' \
        manager-rival 'Several programs set up swap of the same kind' \
        memory-short 'Memory and the other areas cannot take back what this one holds' \
        mount-read-only 'The file lies on a read-only mount, filesystem or subvolume' \
        network-container 'The mount lives in the network of a container' \
        network-ipsec 'Packets to the server are encrypted by IPsec' \
        network-lease 'The address of this machine is leased' \
        network-link-down 'The interface on the way to the server is down' \
        network-namespace 'The way leads into another network namespace' \
        network-no-route 'There is no route to the server' \
        network-openvswitch 'Packets to the server pass Open vSwitch' \
        network-ppp 'The way to the server is a dial-up link' \
        network-queue 'A process reads packets from the packet filter' \
        network-server-here 'The server is this machine' \
        network-stacked 'Packets pass interfaces that the kernel stacks on others' \
        network-team 'The interface is a team' \
        network-tun 'Packets to the server go through a process' \
        network-tunnel 'Packets to the server are wrapped into others' \
        network-wireguard 'Packets to the server go through WireGuard' \
        network-wireless 'The way to the server is a radio link' \
        nfs-connections 'Requests are spread over several connections' \
        nfs-foreign-writers 'Users of other clients can write to the file' \
        nfs-hole-on-server 'The server reports a hole although the block count is right' \
        nfs-holes 'The file has fewer blocks than its size needs' \
        nfs-kerberos 'The mount needs Kerberos credentials' \
        nfs-layouts 'The server hands out layouts (pNFS)' \
        nfs-localio 'The client writes to the files of a server in this kernel (LOCALIO)' \
        nfs-rdma 'Requests go over RDMA, which keeps no memory in reserve' \
        nfs-root-squash 'The server keeps root out' \
        nfs-server-unseen 'What the server does with the blocks cannot be seen from here' \
        nfs-soft 'The mount gives up when the server is slow' \
        nfs-tls 'The mount is secured with TLS' \
        nfs-udp 'Requests go over UDP' \
        nfs-unsupported 'The kernel was built without swap over NFS' \
        nfs-writes-fail 'On this kernel every page that is swapped out to NFS is lost' \
        open-denied 'The file cannot be opened for writing' \
        path-unreachable 'The path leads nowhere' \
        place-encrypted 'The directory is encrypted by its filesystem' \
        place-exists 'Something already has this name' \
        place-filesystem-differs 'The path lies on another type of filesystem than was asked for' \
        place-filesystem-unsuitable 'No safe swapfile can be made on this filesystem' \
        place-lfs-mode 'The f2fs is mounted in LFS mode' \
        place-no-room-below 'A layer below has less space left than writing the file may take there' \
        place-no-space 'There is not enough space' \
        place-profile 'The data of this btrfs is not stored once, on one device' \
        place-read-only 'The place cannot be written' \
        place-untrusted 'Somebody other than root controls a directory on the path' \
        place-zeros-dropped 'A layer below may drop the zeros that it is asked to write' \
        size-too-large 'The size is more than one swap area can have' \
        size-too-small 'The size is too small for a swap area' \
        snapshot-subvolume 'Snapshots are made of the subvolume that holds the file' \
        storage-array-degraded 'An array below lacks a member' \
        storage-array-external 'An array below keeps its metadata in a format that a process writes (mdmon)' \
        storage-array-stopped 'An array below takes no writes' \
        storage-array-syncing 'An array below is rebuilding, resyncing or changing its shape' \
        storage-bcache 'A cache of faster blocks lies below (bcache)' \
        storage-cache 'A cache of faster blocks lies below (dm-cache, LVM cache)' \
        storage-crypt-key 'The encryption below may have a key that is lost at the next boot' \
        storage-cycle 'The storage rests on itself' \
        storage-drbd 'A replicated device lies below (DRBD)' \
        storage-faulty 'A device below fails, or forgets what is written' \
        storage-fibre-channel 'A disk below is on a storage network (Fibre Channel)' \
        storage-integrity 'An integrity layer lies below' \
        storage-iscsi 'An iSCSI disk lies below' \
        storage-loop-buffered 'A loop device writes through the page cache' \
        storage-loop-cow 'The file behind a loop device is written to a new place every time' \
        storage-loop-deleted 'The file behind a loop device was deleted' \
        storage-loop-discard 'A loop device passes discards on to its file' \
        storage-loop-encoded 'The file behind a loop device is compressed or encrypted under the area' \
        storage-loop-fuse 'The file behind a loop device is served by a process (FUSE)' \
        storage-loop-holes 'The file behind a loop device has holes under the area' \
        storage-loop-journal 'The data of the file behind a loop device goes through the journal' \
        storage-loop-memory 'The file behind a loop device lives in memory' \
        storage-loop-network 'The file behind a loop device is on a network filesystem' \
        storage-loop-shared 'The file behind a loop device shares blocks under the area with another file' \
        storage-loop-timestamps 'The filesystem of the file behind a loop device logs when the file was changed' \
        storage-loop-unwritten 'The file behind a loop device has blocks under the area that were never written' \
        storage-mirror-log 'A mirror below has its log in a process' \
        storage-multipath 'A multipath device below waits for ever when it has lost all paths' \
        storage-nbd 'A network block device lies below' \
        storage-nbd-local 'The server of a network block device runs on this machine' \
        storage-nvme-fabrics 'An NVMe disk of another machine lies below (NVMe over fabrics)' \
        storage-pmem 'Persistent memory lies below' \
        storage-raid-parity 'An array below computes parity (RAID 4, 5 or 6)' \
        storage-ramdisk 'A disk in memory lies below (brd)' \
        storage-rbd 'A Ceph block device lies below' \
        storage-read-only 'A layer below is read-only' \
        storage-remapped 'A layer below keeps a record of writes (dm-era, dm-clone, dm-zoned)' \
        storage-removable 'A disk below can be pulled out, or is on USB or a memory card' \
        storage-rotational 'A rotating disk lies below' \
        storage-snapshot 'A snapshot lies below' \
        storage-snapshot-origin 'A volume below has snapshots' \
        storage-suspended 'A device below is suspended' \
        storage-target-unknown 'A device below has a target that no rule here knows' \
        storage-tcm-loop 'A device below is a SCSI target of this machine (tcm_loop)' \
        storage-test-device 'A test device lies below (null_blk)' \
        storage-thin 'A thin volume lies below' \
        storage-thin-disk 'A disk below allocates blocks when they are written (thin provisioning)' \
        storage-thin-pool 'The pool of a thin volume is full, read-only or failed' \
        storage-ublk 'A process serves a device below (ublk)' \
        storage-vdo 'A deduplicating, compressing volume lies below (VDO)' \
        storage-verity 'A verity device lies below, which is read-only' \
        storage-virtual-disk 'A disk below is virtual: what carries it cannot be seen from here' \
        storage-writecache 'A write cache lies below (dm-writecache)' \
        storage-zoned 'A zoned device lies below' \
        storage-zram 'Compressed memory lies below (zram)' \
        storage-zvol 'A ZFS volume lies below' \
        swapon8-blind 'swapon(8) does not see the holes' \
        swapon8-rewrites 'swapon(8) would write a new header here' \
        swapon8-skips 'swapon(8) would not even ask the kernel' \
        swapon8-warns 'swapon(8) would warn about permissions or owner' \
        unit-path 'A unit has the name of this path and another one in it' \
        xfs-realtime 'The file lies on the realtime device' \
        zonefs-sequential 'The zone can only be appended to' \
        zram-behind 'The file is used before the swap in compressed memory'
end

function __swapctl_unsafe
    printf '%s\t%s\n' \
        device-read-only 'The device is read-only' \
        directory-untrusted 'Others can replace the file before it is activated' \
        discard-unmaps 'Discarding would take away the blocks that the area has in a layer below' \
        f2fs-other-device 'Blocks of the file lie on another device than the first' \
        f2fs-wrong-blocks 'This kernel would swap to blocks that are not the file\'s' \
        file-acl 'An access control list lets others in' \
        file-encryption-bypassed 'Swap would reach the disk unencrypted' \
        file-mode 'Others can read or write the file' \
        file-open-by-others 'A process of somebody other than root has the file open' \
        file-owner 'The file belongs to somebody other than root' \
        filesystem-hazard 'The kernel accepts files of this filesystem, but they are not safe' \
        memory-short 'Memory and the other areas cannot take back what this one holds' \
        network-ipsec 'Packets to the server are encrypted by IPsec' \
        network-link-down 'The interface on the way to the server is down' \
        network-no-route 'There is no route to the server' \
        network-openvswitch 'Packets to the server pass Open vSwitch' \
        network-ppp 'The way to the server is a dial-up link' \
        network-queue 'A process reads packets from the packet filter' \
        network-server-here 'The server is this machine' \
        network-tun 'Packets to the server go through a process' \
        network-wireless 'The way to the server is a radio link' \
        nfs-foreign-writers 'Users of other clients can write to the file' \
        nfs-kerberos 'The mount needs Kerberos credentials' \
        nfs-layouts 'The server hands out layouts (pNFS)' \
        nfs-localio 'The client writes to the files of a server in this kernel (LOCALIO)' \
        nfs-rdma 'Requests go over RDMA, which keeps no memory in reserve' \
        nfs-soft 'The mount gives up when the server is slow' \
        nfs-tls 'The mount is secured with TLS' \
        nfs-udp 'Requests go over UDP' \
        nfs-writes-fail 'On this kernel every page that is swapped out to NFS is lost' \
        place-no-room-below 'A layer below has less space left than writing the file may take there' \
        place-zeros-dropped 'A layer below may drop the zeros that it is asked to write' \
        storage-array-external 'An array below keeps its metadata in a format that a process writes (mdmon)' \
        storage-array-stopped 'An array below takes no writes' \
        storage-cycle 'The storage rests on itself' \
        storage-faulty 'A device below fails, or forgets what is written' \
        storage-loop-cow 'The file behind a loop device is written to a new place every time' \
        storage-loop-encoded 'The file behind a loop device is compressed or encrypted under the area' \
        storage-loop-fuse 'The file behind a loop device is served by a process (FUSE)' \
        storage-loop-holes 'The file behind a loop device has holes under the area' \
        storage-loop-journal 'The data of the file behind a loop device goes through the journal' \
        storage-loop-memory 'The file behind a loop device lives in memory' \
        storage-loop-network 'The file behind a loop device is on a network filesystem' \
        storage-loop-shared 'The file behind a loop device shares blocks under the area with another file' \
        storage-loop-timestamps 'The filesystem of the file behind a loop device logs when the file was changed' \
        storage-loop-unwritten 'The file behind a loop device has blocks under the area that were never written' \
        storage-mirror-log 'A mirror below has its log in a process' \
        storage-multipath 'A multipath device below waits for ever when it has lost all paths' \
        storage-nbd-local 'The server of a network block device runs on this machine' \
        storage-read-only 'A layer below is read-only' \
        storage-remapped 'A layer below keeps a record of writes (dm-era, dm-clone, dm-zoned)' \
        storage-snapshot 'A snapshot lies below' \
        storage-snapshot-origin 'A volume below has snapshots' \
        storage-suspended 'A device below is suspended' \
        storage-thin 'A thin volume lies below' \
        storage-thin-pool 'The pool of a thin volume is full, read-only or failed' \
        storage-ublk 'A process serves a device below (ublk)' \
        storage-vdo 'A deduplicating, compressing volume lies below (VDO)' \
        storage-verity 'A verity device lies below, which is read-only' \
        storage-zvol 'A ZFS volume lies below'
end

complete -c swapctl -f

complete -c swapctl -n '__swapctl_at ""' -l version -d 'Show the version and exit'
complete -c swapctl -n '__swapctl_at ""' -s l -l list -d 'Same as status'
complete -c swapctl -n '__swapctl_at ""' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at ""' -a check -d 'Would it work as swap, and is it safe?'
complete -c swapctl -n '__swapctl_at ""' -a explain -d 'List the rules, or explain them'
complete -c swapctl -n '__swapctl_at ""' -a facts -d 'Print everything the rules see, as JSON'
complete -c swapctl -n '__swapctl_at ""' -a prepare -d 'Make a swapfile that passes check'
complete -c swapctl -n '__swapctl_at ""' -a on -d 'Activate an area, after checking it'
complete -c swapctl -n '__swapctl_at ""' -a off -d 'Deactivate an area, after checking the memory'
complete -c swapctl -n '__swapctl_at ""' -a enable -d 'Have systemd make and activate it, now and at every boot'
complete -c swapctl -n '__swapctl_at ""' -a disable -d 'Undo what enable did'
complete -c swapctl -n '__swapctl_at ""' -a status -d 'Show the active areas, with a verdict on each'
complete -c swapctl -n '__swapctl_at ""' -a prove -d 'Put real pages through an area, and count transactions'
complete -c swapctl -n '__swapctl_at ""' -a monitor -d 'Watch areas, rates, pressure and who holds swap'

complete -c swapctl -n '__swapctl_at check' -l format -x -a 'text json nagios' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at check' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at check' -l strict -d 'Warnings count as findings (exit 1)'
complete -c swapctl -n '__swapctl_at check' -l facts -r -F -d 'Judge recorded facts instead of a path'
complete -c swapctl -n '__swapctl_at check' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at check' -s v -l verbose -d 'Also show the storage below, and list the rules that passed or did not apply'
complete -c swapctl -n '__swapctl_at check' -l color -x -a 'auto always never' -d 'Colours in the text; NO_COLOR is honoured'
complete -c swapctl -n '__swapctl_at check' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at check' -F

complete -c swapctl -n '__swapctl_at explain' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at explain' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at explain' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at explain' -a '(__swapctl_rules)'

complete -c swapctl -n '__swapctl_at facts' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at facts' -F

complete -c swapctl -n '__swapctl_at prepare' -l size -x -d 'Such as 8G, 8GB, 512M, 50%RAM, 2xRAM or auto; required'
complete -c swapctl -n '__swapctl_at prepare' -l configured -d 'Make or verify the file that swapctl.conf describes, in place of the other options'
complete -c swapctl -n '__swapctl_at prepare' -l fs -x -a '(__swapctl_types)' -d 'Filesystem type the file must live on'
complete -c swapctl -n '__swapctl_at prepare' -l method -x -a 'auto write write-zeroes fallocate' -d 'How blocks are made: written, zeroed by the device, or only allocated'
complete -c swapctl -n '__swapctl_at prepare' -l label -x -d 'Label of the area, at most 16 bytes'
complete -c swapctl -n '__swapctl_at prepare' -l uuid -x -d 'UUID of the area; a random one otherwise'
complete -c swapctl -n '__swapctl_at prepare' -l reserve -x -d 'Space to leave free; 5%, at most 1 GiB, by default'
complete -c swapctl -n '__swapctl_at prepare' -l allow -x -a '(__swapctl_unsafe)' -d 'Go on in spite of this unsafe rule; may be repeated'
complete -c swapctl -n '__swapctl_at prepare' -l on -d 'Activate it when it is ready'
complete -c swapctl -n '__swapctl_at prepare' -l priority -x -d 'Priority of the area, 0 to 32767; the higher is used first'
complete -c swapctl -n '__swapctl_at prepare' -l discard -x -a 'once pages both' -d 'Discard freed blocks: at activation, page by page, or both'
complete -c swapctl -n '__swapctl_at prepare' -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c swapctl -n '__swapctl_at prepare' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at prepare' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at prepare' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at prepare' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at prepare' -F

complete -c swapctl -n '__swapctl_at on' -l priority -x -d 'Priority of the area, 0 to 32767; the higher is used first'
complete -c swapctl -n '__swapctl_at on' -l discard -x -a 'once pages both' -d 'Discard freed blocks: at activation, page by page, or both'
complete -c swapctl -n '__swapctl_at on' -l allow -x -a '(__swapctl_unsafe)' -d 'Go on in spite of this unsafe rule; may be repeated'
complete -c swapctl -n '__swapctl_at on' -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c swapctl -n '__swapctl_at on' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at on' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at on' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at on' -l color -x -a 'auto always never' -d 'Colours in the text; NO_COLOR is honoured'
complete -c swapctl -n '__swapctl_at on' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at on' -F

complete -c swapctl -n '__swapctl_at off' -l force -d 'Even when memory may not hold the pages'
complete -c swapctl -n '__swapctl_at off' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at off' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at off' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at off' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at off' -a '(__swapctl_areas)'
complete -c swapctl -n '__swapctl_at off; and __swapctl_no_area' -F

complete -c swapctl -n '__swapctl_at enable' -l size -x -d 'Such as 8G, 8GB, 512M, 50%RAM, 2xRAM or auto'
complete -c swapctl -n '__swapctl_at enable' -l max-share -x -d 'The most of the filesystem that it may take'
complete -c swapctl -n '__swapctl_at enable' -l fs -x -a '(__swapctl_types)' -d 'Filesystem type the file must live on'
complete -c swapctl -n '__swapctl_at enable' -l method -x -a 'auto write write-zeroes fallocate' -d 'How blocks are made'
complete -c swapctl -n '__swapctl_at enable' -l label -x -d 'Label of the area, at most 16 bytes'
complete -c swapctl -n '__swapctl_at enable' -l reserve -x -d 'Space to leave free'
complete -c swapctl -n '__swapctl_at enable' -l priority -x -d 'Priority of the area, 0 to 32767; the higher is used first'
complete -c swapctl -n '__swapctl_at enable' -l discard -x -a 'once pages both' -d 'Discard freed blocks: at activation, page by page, or both'
complete -c swapctl -n '__swapctl_at enable' -l nofail -d 'The boot goes on without it; default'
complete -c swapctl -n '__swapctl_at enable' -l fail -d 'The boot waits; swap.target needs it'
complete -c swapctl -n '__swapctl_at enable' -l root -r -F -d 'Change the system below DIR, and nothing that runs'
complete -c swapctl -n '__swapctl_at enable' -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c swapctl -n '__swapctl_at enable' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at enable' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at enable' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at enable' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at enable' -F

complete -c swapctl -n '__swapctl_at disable' -l force -d 'Even when memory may not hold the pages'
complete -c swapctl -n '__swapctl_at disable' -l root -r -F -d 'Change the system below DIR, and nothing that runs'
complete -c swapctl -n '__swapctl_at disable' -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c swapctl -n '__swapctl_at disable' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at disable' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at disable' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at disable' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at disable' -F

complete -c swapctl -n '__swapctl_at status' -l format -x -a 'text json markdown journal' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at status' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at status' -l bytes -d 'Sizes in bytes'
complete -c swapctl -n '__swapctl_at status' -l tree -d 'Also show the storage below each area'
complete -c swapctl -n '__swapctl_at status' -l output -x -a '(__swapctl_columns)' -d 'The columns of the table'
complete -c swapctl -n '__swapctl_at status' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at status' -a '(__swapctl_areas)'
complete -c swapctl -n '__swapctl_at status; and __swapctl_no_area' -F

complete -c swapctl -n '__swapctl_at prove' -l size -x -d 'Memory that goes out in a round; 256M or what the area has by default'
complete -c swapctl -n '__swapctl_at prove' -l time -x -d 'Go on for so long; two rounds at least'
complete -c swapctl -n '__swapctl_at prove' -l keep -d 'Leave the area active, unless it is disproved'
complete -c swapctl -n '__swapctl_at prove' -l allow -x -a '(__swapctl_unsafe)' -d 'Go on in spite of this unsafe rule; may be repeated'
complete -c swapctl -n '__swapctl_at prove' -s q -l quiet -d 'Print no report'
complete -c swapctl -n '__swapctl_at prove' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at prove' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at prove' -l color -x -a 'auto always never' -d 'Colours in the text; NO_COLOR is honoured'
complete -c swapctl -n '__swapctl_at prove' -s h -l help -d 'Show this message and exit'
complete -c swapctl -n '__swapctl_at prove' -F

complete -c swapctl -n '__swapctl_at monitor' -l interval -x -d 'Time between two samples'
complete -c swapctl -n '__swapctl_at monitor' -l count -x -d 'Stop after N samples'
complete -c swapctl -n '__swapctl_at monitor' -l format -x -a 'text json' -d 'How the report is printed'
complete -c swapctl -n '__swapctl_at monitor' -l json -d 'Same as --format json'
complete -c swapctl -n '__swapctl_at monitor' -s h -l help -d 'Show this message and exit'
