// Decides which number a capability has. Source: linux/capability.h, numbers 0 to 40, unchanged since Linux 5.9.

/** By number: `capabilityNames[13]` is `cap_net_raw`. */
export const capabilityNames: readonly string[] =
  `chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast
net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource
sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend
audit_read perfmon bpf checkpoint_restore`
    .split(/\s+/)
    .map((name) => `cap_${name}`);
