from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from amc.recovery.blocks import Blocks, Boundary, find_blocks
from amc.recovery.calibration_copies import CalibrationCopies
from amc.utils.safe_backward import safe_backward

@dataclass
class Opt:
    block_steps: int = 200
    steps: int = 600
    batch: int = 64
    block_batch: int = 64
    block_lr: float = 1e-3
    lr: float = 1e-3
    copies: int = 2
    all_copies: int = 20
    held: float = 0.15
    feature: float = 0.0   # weight of last boundary loss
    all_features: float = 0.0
    dtype: Any = torch.bfloat16
    kl: bool = True
    warm: float = 0.1
    temperature: float = 1.0

def distance(out, ref, kl, T=1.0):
    if kl:
        return F.kl_div(F.log_softmax(out.float()/T,1), F.log_softmax(ref.float()/T,1), reduction='none', log_target=True).sum(1)*T*T
    return (out.float()-ref.float()).flatten(1).square().sum(1)/ref.float().flatten(1).square().sum(1).mean()

class Best:
    def __init__(self, params, error):
        self.params=params; self.error=error; self.best=error(); self.first=self.best
        self.state=[p.detach().clone() for p in params]
    def check(self):
        e=self.error()
        if e<self.best:
            self.best=e
            for s,p in zip(self.state,self.params): s.copy_(p.detach())
        return e
    def restore(self):
        with torch.no_grad():
            for s,p in zip(self.state,self.params): p.copy_(s)

def fit(params, loss, error, steps, lr, draw, checks=4, warm=0.1):
    best=Best(params,error)
    opt=torch.optim.Adam(params, lr=lr)
    for step in range(steps):
        done=step/steps
        rate = done/warm if done<warm else 0.5*(1+math.cos(math.pi*(done-warm)/(1-warm)))
        for g in opt.param_groups: g['lr']=lr*max(rate,1e-3)
        opt.zero_grad()
        loss(draw()).backward()
        opt.step()
        if (step+1)*checks//steps > step*checks//steps:
            e=best.check()
            if checks>2 and (step+1)*4//steps > step*4//steps: print("   ",step+1,round(e,4), round(time.process_time(),1), LOGSCORE[0](), flush=True)
    best.restore()
    return best.first, best.best

LOGSCORE=[lambda: ""]
def batches(order, size):
    while True:
        for part in order().split(size): yield part

def shuffled(n, size, gen):
    while True:
        parts=torch.randperm(n,generator=gen).split(size)
        for p in parts[: max(1,n//size)]: yield p

def run_all(f, n, size=100):
    return torch.cat([f(torch.arange(s,min(n,s+size))) for s in range(0,n,size)])

def blockwise(original, network, graph, mask, images, o: Opt, score=None, log=print):
    T=time.process_time; t0=T()
    gen=torch.Generator().manual_seed(0)
    net=network
    images=images.contiguous(memory_format=torch.channels_last)
    for m in (net,): m.to(memory_format=torch.channels_last)
    blocks=find_blocks(original, net, graph, mask, images, o.dtype)
    log('blocks', len(blocks.boundaries)+1, 'in', T()-t0)
    perm=torch.randperm(len(images),generator=gen)
    nh=int(len(images)*o.held)
    held, train = images[perm[:nh]], images[perm[nh:]]
    named=dict(net.named_parameters())
    with safe_backward():
        with torch.no_grad():
            out0=run_all(lambda i: blocks.original.run(train[i]), len(train)); outh=run_all(lambda i: blocks.original.run(held[i]), len(held))
        def held_distance():
            with torch.no_grad():
                out=run_all(lambda i: blocks.compact.run(held[i]), len(held))
                return float(distance(out,outh,o.kl).mean())
        whole=[p for p in named.values()]
        start=Best(whole, held_distance)
        log('start held', start.first)
        if o.block_steps:
            copies=CalibrationCopies(train,o.copies,gen)
            n=copies.count
            hin=[held,held]; tin=[run_all(lambda i: copies[i], n)]*2
            ends=[*blocks.boundaries,None]
            prev=None
            for k,(b,names) in enumerate(zip(ends,blocks.parameters)):
                place=b and b.place
                begin=prev and prev.place
                with torch.no_grad():
                    o_t=run_all(lambda i: blocks.original.run(tin[0][i],begin,place), n); o_h=run_all(lambda i: blocks.original.run(hin[0][i],begin,place), nh)
                kept=(lambda t: t) if b is None else (lambda t: b.kept(t,mask))
                y_t,y_h=kept(o_t),kept(o_h)
                params=[named[x] for x in names if x in named]
                if b is None: dist=lambda a,c: distance(a,c,o.kl)
                else:
                    energy=float(y_t.float().square().sum()/n)
                    dist=lambda a,c: (a.float()-c.float()).flatten(1).square().sum(1)/energy
                loss=lambda i: dist(blocks.compact.run(tin[1][i],begin,place), y_t[i]).mean()
                def err():
                    with torch.no_grad(): return float(run_all(lambda i: dist(blocks.compact.run(hin[1][i],begin,place),y_h[i]),nh).mean())
                draw=shuffled(n,o.block_batch,gen)
                a,c=fit(params,loss,err,o.block_steps,o.block_lr,lambda: next(draw),checks=2,warm=o.warm)
                if k%6==0 or b is None: log(f'block {k} {a:.4f} -> {c:.4f}  {T()-t0:.1f}s')
                with torch.no_grad():
                    p_t=run_all(lambda i: blocks.compact.run(tin[1][i],begin,place), n); p_h=run_all(lambda i: blocks.compact.run(hin[1][i],begin,place), nh)
                tin,hin=[o_t,p_t],[o_h,p_h]
                prev=b
            del tin,hin
            start.check(); start.restore()
            log('after blocks: held', held_distance(), 'cpu', T()-t0, 'score', score() if score else '')
        t1=T()
        if o.steps:
            copies=CalibrationCopies(train,o.all_copies,gen)
            last=blocks.boundaries[-1].place if blocks.boundaries else None
            def features(i):
                x=copies[i]; 
                return x
            cache={}
            def loss(i):
                x=copies[i]
                with torch.no_grad():
                    if o.feature:
                        f=blocks.original.run(x,None,last); ref=blocks.original.run(f,last)
                        f=blocks.boundaries[-1].kept(f,mask)
                    else: ref=blocks.original.run(x)
                if o.all_features:
                    total=0; cur_o=x; cur=x; prev=None
                    for b in blocks.boundaries:
                        with torch.no_grad(): cur_o=blocks.original.run(cur_o, prev and prev.place, b.place); y=b.kept(cur_o,mask).float()
                        cur=blocks.compact.run(cur, prev and prev.place, b.place)
                        total=total+(cur.float()-y).square().mean()/y.square().mean(); prev=b
                    out=blocks.compact.run(cur,prev.place)
                    return distance(out,ref,o.kl,o.temperature).mean()+o.all_features*total/len(blocks.boundaries)
                if o.feature:
                    g=blocks.compact.run(x,None,last); out=blocks.compact.run(g.clone(),last)
                    return distance(out,ref,o.kl,o.temperature).mean()+o.feature*(g.float()-f.float()).square().mean()/f.float().square().mean()
                return distance(blocks.compact.run(x),ref,o.kl,o.temperature).mean()
            draw=shuffled(copies.count,o.batch,gen)
            a,c=fit(whole,loss,held_distance,o.steps,o.lr,lambda: next(draw),checks=10,warm=o.warm)
            log('whole', a,'->',c, 'cpu', T()-t1)
        start.check(); start.restore()
        log('end: held', start.best,'cpu', T()-t0, 'score', score() if score else '')
    return net
