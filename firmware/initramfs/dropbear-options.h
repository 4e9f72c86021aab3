/*
 * The ssh of the initramfs: a client that runs one command with a fixed key, and nothing else. What
 * both sides must have in common: curve25519 or sntrup761 or group14, chacha20 or AES-CTR, SHA-256.
 */
#define DROPBEAR_CLI_LOCALTCPFWD 0
#define DROPBEAR_CLI_REMOTETCPFWD 0
#define DROPBEAR_CLI_AGENTFWD 0
#define DROPBEAR_CLI_PROXYCMD 0
#define DROPBEAR_CLI_NETCAT 0
#define DROPBEAR_CLI_PASSWORD_AUTH 0
#define DROPBEAR_USE_PASSWORD_ENV 0
#define DROPBEAR_USER_ALGO_LIST 0
#define DROPBEAR_SK_KEYS 0
#define DROPBEAR_MLKEM768 0
#define DO_MOTD 0
/* A whole system comes through it: half the speed of the ciphers is too much for 20 kB. */
#define DROPBEAR_SMALL_CODE 0
/* 24 kB in flight are too few for a satellite's round trip. */
#define DEFAULT_RECV_WINDOW 262144
#define DROPBEAR_DEFAULT_CLI_AUTHKEY "/etc/xo-upgrade/ssh-key"
