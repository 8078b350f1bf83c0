local sqrt, floor = math.sqrt, math.floor
local function nbody(n)
  local PI, DAYS = math.pi, 365.24
  local M = 4 * PI * PI
  local b = {
    {0,0,0,0,0,0,M},
    {4.84143144246472090e+00,-1.16032004402742839e+00,-1.03622044471123109e-01,1.66007664274403694e-03*DAYS,7.69901118419740425e-03*DAYS,-6.90460016972063023e-05*DAYS,9.54791938424326609e-04*M},
    {8.34336671824457987e+00,4.12479856412430479e+00,-4.03523417114321381e-01,-2.76742510726411e-03*DAYS,4.99852801234917238e-03*DAYS,2.30417297573763929e-05*DAYS,2.85885980666130812e-04*M},
    {1.28943695621391310e+01,-1.51111514016986312e+01,-2.23307578892655734e-01,2.96460137564761618e-03*DAYS,2.37847173959480950e-03*DAYS,-2.96589568540237556e-05*DAYS,4.36624404335156298e-05*M},
    {1.53796971148509165e+01,-2.59193146099879641e+01,1.79258772950371181e-01,2.68067772490389322e-03*DAYS,1.62824170038242295e-03*DAYS,-9.51592254519715870e-05*DAYS,5.15138902046611451e-05*M},
  }
  local px,py,pz=0,0,0
  for _,q in ipairs(b) do px,py,pz=px+q[4]*q[7],py+q[5]*q[7],pz+q[6]*q[7] end
  b[1][4],b[1][5],b[1][6]=-px/M,-py/M,-pz/M
  local function energy()
    local e=0
    for i,q in ipairs(b) do
      e=e+0.5*q[7]*(q[4]*q[4]+q[5]*q[5]+q[6]*q[6])
      for j=i+1,#b do local r=b[j] local dx,dy,dz=q[1]-r[1],q[2]-r[2],q[3]-r[3]; e=e-q[7]*r[7]/sqrt(dx*dx+dy*dy+dz*dz) end
    end
    return e
  end
  print(("%.9f"):format(energy()))
  for _=1,n do
    for i=1,#b do local q=b[i]
      for j=i+1,#b do local r=b[j]
        local dx,dy,dz=q[1]-r[1],q[2]-r[2],q[3]-r[3]
        local d=dx*dx+dy*dy+dz*dz
        local m=0.01/(d*sqrt(d))
        q[4],q[5],q[6]=q[4]-dx*r[7]*m,q[5]-dy*r[7]*m,q[6]-dz*r[7]*m
        r[4],r[5],r[6]=r[4]+dx*q[7]*m,r[5]+dy*q[7]*m,r[6]+dz*q[7]*m
      end
    end
    for i=1,#b do local q=b[i] q[1],q[2],q[3]=q[1]+0.01*q[4],q[2]+0.01*q[5],q[3]+0.01*q[6] end
  end
  print(("%.9f"):format(energy()))
end
local function fannkuch(n)
  local p,q,s,sign,maxflips,sum={}, {}, {},1,0,0
  for i=1,n do p[i]=i;q[i]=i;s[i]=i end
  repeat
    local q0=p[1]
    if q0~=1 then
      for i=2,n do q[i]=p[i] end
      local flips=1
      while true do
        local qq=q[q0]
        if qq==1 then sum=sum+sign*flips; if flips>maxflips then maxflips=flips end break end
        q[q0]=q0
        if q0>=4 then local i,j=2,q0-1; repeat q[i],q[j]=q[j],q[i]; i=i+1; j=j-1; until i>=j end
        q0=qq; flips=flips+1
      end
    end
    if sign==1 then p[1],p[2]=p[2],p[1]; sign=-1
    else p[2],p[3]=p[3],p[2]; sign=1
      for i=3,n do
        local sx=s[i]
        if sx~=1 then s[i]=sx-1; break end
        if i==n then print(sum, maxflips) return end
        s[i]=i
        local t=p[1]; for j=1,i do p[j]=p[j+1] end; p[i+1]=t
      end
    end
  until false
end
local function spectral(n)
  local function A(i,j) local ij=i+j-1 return 1/(ij*(ij-1)*0.5+i) end
  local function mul(x,y,t) for i=1,n do local a=0 for j=1,n do a=a+x[j]*(t and A(j,i) or A(i,j)) end y[i]=a end end
  local u,v,t={}, {}, {}
  for i=1,n do u[i]=1 end
  for _=1,10 do mul(u,t) mul(t,v,true) mul(v,t) mul(t,u,true) end
  local a,b=0,0
  for i=1,n do a=a+u[i]*v[i] b=b+v[i]*v[i] end
  print(("%.9f"):format(sqrt(a/b)))
end
local function trees(n)
  local function make(d) if d==0 then return {} end return {make(d-1),make(d-1)} end
  local function check(t) if t[1] then return 1+check(t[1])+check(t[2]) end return 1 end
  print(check(make(n+1)))
  local long=make(n)
  for d=4,n,4 do local it,c=2^(n-d+4),0 for _=1,it do c=c+check(make(d)) end print(it,d,c) end
  print(check(long))
end
local function strings(n)
  local t={}
  for i=1,n do t[#t+1]=("%d:%x"):format(i,i*i) end
  local s=table.concat(t,",")
  local c=0
  for w in s:gmatch("%d+:[0-9a-f]*ff") do c=c+#w end
  print(#s,c,(s:gsub("7","")):len())
end
local function coros(n)
  local co=coroutine.wrap(function() for i=1,n do coroutine.yield(i) end end)
  local s=0 for i=1,n do s=s+co() end print(s)
end
nbody(500000) fannkuch(9) spectral(100) trees(12) strings(200000) coros(1000000)
