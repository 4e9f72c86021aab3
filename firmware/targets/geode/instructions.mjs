/**
 * The instructions of a Geode LX (XO-1), as objdump names them: those of a Pentium with CMOV, MMX,
 * AMD's extension of it, and 3DNow!. No SSE, no FXSAVE, no multi-byte NOP (0F 1F), no ENDBR32. After
 * AMD's data book of the processor; what is not here is foreign, so a new word has to be looked up.
 */

const words = (text) => text.trim().split(/\s+/)
const each = (text, suffixes) =>
  words(text).flatMap((word) => suffixes.map((suffix) => `${word}${suffix}`))

const CONDITIONS = words(
  'o no b c nae ae nb nc e z ne nz be na a nbe s ns p pe np po l nge ge nl le ng g nle',
)

const sized = each(
  `mov add adc sub sbb and or xor not neg inc dec cmp test shl shr sal sar rol ror rcl rcr shld shrd
   mul imul div idiv push pop lea xchg xadd cmpxchg bt bts btr btc call jmp ret lret movs stos lods
   scas cmps in out ins outs pushf popf pusha popa`,
  ['', 'b', 'w', 'l'],
)

const plain = words(
  `movzbl movzbw movzwl movsbl movsbw movswl movzb movzw cltd cwtl cbtw cwtd bswap bsf bsr leave enter
   nop hlt int int3 into cli sti cld std clc stc cmc lahf sahf jecxz jcxz loop loope loopne xlat
   rdtsc cpuid cmpxchg8b sysenter rdmsr wrmsr clflush ud2 pause`,
)

const conditional = ['j', 'set', 'cmov'].flatMap((verb) => CONDITIONS.map((word) => verb + word))

const floatingPoint = [
  ...each(
    `fld fst fstp fild fist fistp fadd fiadd fsub fisub fsubr fisubr fmul fimul fdiv fidiv fdivr
     fidivr fcom fcomp ficom ficomp`,
    ['', 's', 'l', 't', 'll'],
  ),
  ...each('fcmov', words('b nb e ne be nbe u nu')),
  ...words(
    `fbld fbstp fxch faddp fsubp fsubrp fmulp fdivp fdivrp fprem fprem1 fabs fchs frndint fscale
     fsqrt fxtract fcompp fucom fucomp fucompp fcomi fucomi fcomip fucomip ftst fxam fsin fcos
     fsincos fptan fpatan f2xm1 fyl2x fyl2xp1 fld1 fldl2t fldl2e fldpi fldlg2 fldln2 fldz fincstp
     fdecstp ffree finit fninit fclex fnclex fstcw fnstcw fldcw fstenv fnstenv fldenv fsave
     fnsave frstor fstsw fnstsw fwait fnop`,
  ),
]

const mmx = [
  ...each('padd psub pcmpeq pcmpgt', ['b', 'w', 'd']),
  ...each('padds paddus psubs psubus', ['b', 'w']),
  ...each('psll psrl', ['w', 'd', 'q']),
  ...each('punpckh punpckl', ['bw', 'wd', 'dq']),
  ...words('emms movd movq packsswb packssdw packuswb pand pandn por pxor pmaddwd pmulhw pmullw'),
  ...words('psraw psrad'),
]

const mmxExtension = words(
  `maskmovq movntq pavgb pavgw pextrw pinsrw pmaxsw pmaxub pminsw pminub pmovmskb pmulhuw psadbw pshufw
   prefetchnta prefetcht0 prefetcht1 prefetcht2 sfence`,
)

const threeDNow = words(
  `femms pavgusb pf2id pf2iw pfacc pfadd pfcmpeq pfcmpge pfcmpgt pfmax pfmin pfmul pfnacc pfpnacc pfrcp
   pfrcpit1 pfrcpit2 pfrsqit1 pfrsqrt pfsub pfsubr pi2fd pi2fw pmulhrw prefetch prefetchw pswapd`,
)

const INSTRUCTIONS = new Set([
  ...[sized, plain, conditional, floatingPoint, mmx, mmxExtension, threeDNow].flat(),
])

/** Words that stand before an instruction and change nothing about which it is. */
const PREFIX = /^(lock|rep|repz|repnz|data16|addr16|[cdefgs]s)\s+/
/** Registers that a Geode does not have; their instructions share names with MMX. */
const FOREIGN_REGISTER = /%[xyz]mm/

/** @param {string} instruction as objdump shows it, operands and all */
export function isGeodeInstruction(instruction) {
  let rest = instruction.trim()
  while (PREFIX.test(rest)) rest = rest.replace(PREFIX, '')
  const [word, ...operands] = rest.split(/\s+/)
  // A NOP with an operand is the multi-byte one, whatever objdump makes of its size.
  if (word === 'nop' && operands.length > 0) return false
  // A prefix that stands alone belongs to what is shown on the next line.
  if (rest === '' || /^(lock|rep|repz|repnz|data16|addr16|[cdefgs]s)$/.test(word)) return true
  return INSTRUCTIONS.has(word) && !FOREIGN_REGISTER.test(rest)
}
